"""The order of the rounds: which state takes which messages, and what comes of it."""

from circuits.schema import Schema
from mpc_nodes.errors import RoundOutOfOrder
from mpc_nodes.rounds import attest, deal, decision, freeze, verdict
from mpc_nodes.rounds import open as open_round
from mpc_nodes.rounds.proofs import ProofJudge
from mpc_nodes.session import Checked, Dealt, Decided, Endorsed, Frozen, Identity, Opened, Session
from protocol.messages import Decision, Round, SignedMessage
from protocol.query import Offer

LATER_ROUNDS = (Round.DEAL, Round.VERDICT, Round.FREEZE, Round.OPEN, Round.ATTEST)


def begin(offer: Offer, schema: Schema, own: SignedMessage, own_decision: Decision, keys: tuple[bytes, ...]) -> Decided:
    """The state after this node's decision. Raises what `decision.read_offer` raises."""
    return Decided(offered=decision.read_offer(offer, schema), decision=own_decision, message=own, keys=keys)


def receive(
    identity: Identity, state: Session, round_: Round, messages: tuple[SignedMessage, ...], judge: ProofJudge
) -> Session | Endorsed:
    """Take in the messages that come with the request of `round_`.

    Raises:
        RoundOutOfOrder: this state does not wait for this round.
        ProofwardError: what the round's `receive` raises; the state stays as it was.
    """
    match round_, state:
        case Round.DEAL, Decided():
            return deal.receive(identity, state, messages)
        case Round.VERDICT, Decided() | Dealt():
            return verdict.receive(identity, state, messages, judge)
        case Round.FREEZE, Checked():
            return freeze.receive(identity, state, messages)
        case Round.OPEN, Frozen():
            return open_round.receive(identity, state, messages)
        case Round.ATTEST, Opened():
            return attest.receive(identity, state, messages)
    raise RoundOutOfOrder(f"round {round_} cannot follow the state {type(state).__name__.lower()} of this query")
