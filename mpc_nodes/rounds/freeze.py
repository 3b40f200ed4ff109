"""Round 4, freeze: each node computes the qualified set and signs it, at most once a query.

After this no hospital can withdraw: the members already hold its shares. A quorum is floor((n+t)/2)+1, not t+1, so that
no two sets can be frozen; docs/spec/06-rounds.md, "Freezing", has the argument.
"""

import prover
from mpc_nodes.errors import RoundInputsInvalid, ShareMissing
from mpc_nodes.rounds.inputs import receive as receive_messages
from mpc_nodes.rounds.qualify import qualify
from mpc_nodes.session import Checked, Frozen, Identity, PublicDeal
from protocol.messages import Contribution, Freeze, Round, SignedMessage, Verdict


def receive(identity: Identity, state: Checked, messages: tuple[SignedMessage, ...]) -> Frozen:
    """Take in all verdicts, settle the qualified set and add up the own shares.

    Raises:
        SignatureInvalid, RoundInputsInvalid: of the messages.
        QuorumMissing, TooFewHospitals: there is no set to freeze.
        ShareMissing: this node could not open what the others would freeze.
    """
    offer = state.offered.offer
    if any(message.round is not Round.VERDICT for message in messages):
        raise RoundInputsInvalid("a freeze needs the verdicts and nothing else")
    verdicts = receive_messages(identity.consortium, offer.query_id, Round.VERDICT, messages, Verdict)
    freeze = qualify(identity.consortium, offer, state.dealt.decisions, state.deals, verdicts)
    contributions: list[Contribution] = []
    commitments: list[bytes] = []
    shares: list[bytes] = []
    for dealer in freeze.qualified:
        deal = state.deals[dealer]
        if not isinstance(deal.public, PublicDeal) or deal.share is None:
            raise ShareMissing(f"this node holds no good share of member {dealer}")
        contributions.append(deal.public.contribution)
        commitments.append(deal.public.commitments)
        shares.append(deal.share)
    return Frozen(
        checked=state,
        freeze=freeze,
        contributions=tuple(contributions),
        commitments=prover.add_commitments(commitments),
        share_sum=prover.add_vectors(shares),
    )


def answer(state: Frozen) -> Freeze:
    """The set that this node stands for."""
    return state.freeze
