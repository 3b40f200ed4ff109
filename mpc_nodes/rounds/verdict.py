"""Round 3, verdict: a node checks every deal, and complains about a bad share by revealing the key that opens it.

A deal has a public part, which everybody checks alike, down to the proof that the cells are those of the registered table,
and one sealed share a member. Only the receiver can tell that its
share is bad, so it publishes the one-time private key for that dealer: then everybody opens the same ciphertext, which
the dealer signed, and sees who is right. The key was made for this query and this dealer: it reveals what a proven liar
seals for this node, and nothing else.
Specification: docs/spec/06-rounds.md, "Verdict".
"""

import prover
from mpc_nodes.errors import DealInvalid, DecisionsDiffer, RoundInputsInvalid, ShareInvalid
from mpc_nodes.rounds import deal as deal_round
from mpc_nodes.rounds.inputs import Received
from mpc_nodes.rounds.inputs import receive as receive_messages
from mpc_nodes.rounds.proofs import ProofJudge, Proven
from mpc_nodes.sealing import SEAL_OVERHEAD, open_sealed
from mpc_nodes.session import Checked, Dealt, Decided, Decisions, Identity, Offered, PublicDeal, ReceivedDeal
from protocol import canonical
from protocol.consortium import Consortium
from protocol.errors import ProofwardError
from protocol.messages import Deal, DealCheck, Round, SignedMessage, Verdict
from protocol.parameters import POINT_BYTES
from protocol.signatures import verify_contribution
from protocol.signing import seal_info


def receive(identity: Identity, state: Decided | Dealt, messages: tuple[SignedMessage, ...], judge: ProofJudge) -> Checked:
    """Take in all deals and check them.

    The request carries the decisions too. A node that was not asked to deal learns them here; one that dealt holds the
    hub to them.

    Raises:
        SignatureInvalid, RoundInputsInvalid: of the messages.
        DecisionsDiffer: these are not the decisions on which this node dealt.
        DatasetNotAdmitted: a deal rests on a table that this node has not verified. To leave the deal out would be to
            freeze another set than the others.
    """
    decisions = tuple(message for message in messages if message.round is Round.DECISION)
    deals = tuple(message for message in messages if message.round is Round.DEAL)
    if len(decisions) + len(deals) != len(messages):
        raise RoundInputsInvalid("a verdict needs the decisions and the deals, nothing else")
    state = _dealt(identity, state, decisions)
    received = receive_messages(identity.consortium, state.offered.offer.query_id, Round.DEAL, deals, Deal)
    public = {dealer: _public(identity, state, received, dealer) for dealer in received.messages}
    # All proofs together, after all that is cheap: a deal that is wrong anyway is not worth a proof's check.
    well_formed = {
        dealer: Proven(found.contribution, bytes.fromhex(received.documents[dealer].proof))
        for dealer, found in public.items()
        if isinstance(found, PublicDeal)
    }
    for dealer, code in judge.judge(state.offered, well_formed).items():
        public[dealer] = code
    checked = {dealer: _check(identity, state, received.messages[dealer], public[dealer]) for dealer in received.messages}
    return Checked(dealt=state, deals=checked)


def answer(state: Checked) -> Verdict:
    """What this node found, in order of dealer. Every deal is cited, good or bad: two citations expose two deals."""
    return Verdict(
        offer=state.offered.offer.digest,
        decisions=state.dealt.decisions.digest,
        checks=tuple(
            DealCheck(dealer=dealer, deal=deal.digest, signature=deal.signature, complaint=deal.complaint)
            for dealer, deal in sorted(state.deals.items())
        ),
    )


def check_public(consortium: Consortium, offered: Offered, decisions: Decisions, dealer: int, deal: Deal) -> PublicDeal:
    """Check the part of a deal that is the same for everybody.

    Raises:
        DecisionsDiffer: the dealer saw other decisions; the hub's fault, as far as anybody can tell.
        DealInvalid: anything else; the dealer's fault, because it signed it.
    """
    contribution = deal.contribution.contribution
    decision = decisions.by_member.get(dealer)
    if decision is None or not decision.accept:
        raise DealInvalid("the dealer does not take part")
    if contribution.decisions != decisions.digest:
        raise DecisionsDiffer("the dealer saw other decisions than this node")
    commitments = bytes.fromhex(contribution.commitment + "".join(contribution.sharing))
    try:
        verify_contribution(consortium, deal.contribution)
        prover.check_points(commitments, consortium.threshold + 1)
    except ProofwardError as error:
        raise DealInvalid(error.message) from error
    expected = {
        "generators": prover.generator_digest(),
        "consortium": consortium.digest,
        "offer": offered.offer.digest,
        "query_id": offered.offer.query_id,
        "nonce": offered.offer.nonce,
        "plan_hash": offered.plan.hash,
        "schema_hash": offered.schema.hash,
        "hospital": dealer,
        "root": decision.root,
    }
    for name, value in expected.items():
        if getattr(contribution, name) != value:
            raise DealInvalid(f"the contribution has another {name}")
    # A vanishing leading coefficient would let t shares give the secret, not t+1 (attacks.md M2).
    if not any(commitments[-POINT_BYTES:]):
        raise DealInvalid("the leading coefficients vanish")
    if canonical.sha256_hex(bytes.fromhex(deal.proof)) != contribution.proof:
        raise DealInvalid("the proof is not the one that the contribution names")
    sealed_digits = 2 * (offered.secrets_bytes + SEAL_OVERHEAD)
    lengths = [sealed_digits if member.index in decisions.committee else 0 for member in consortium.members]
    if [len(share) for share in deal.shares] != lengths:
        raise DealInvalid("the deal does not hold one sealed share of the right length for each member of the committee")
    return PublicDeal(contribution=contribution, commitments=commitments, shares=deal.shares)


def open_share(consortium: Consortium, query_id: str, dealer: int, receiver: int, public: PublicDeal, key: bytes) -> bytes:
    """The share of `receiver`, opened with its one-time private key for `dealer` and checked.

    Raises:
        ShareInvalid: it does not open, or does not lie on the committed polynomials.
    """
    info = seal_info(consortium.digest, query_id, Round.DEAL, dealer, receiver)
    try:
        share = open_sealed(bytes.fromhex(public.shares[receiver - 1]), key, info)
        prover.check_share(receiver, share, public.commitments, consortium.threshold, consortium.size)
    except ProofwardError as error:
        raise ShareInvalid(error.message, where=f"deal of member {dealer} to member {receiver}") from error
    return share


def _dealt(identity: Identity, state: Decided | Dealt, decisions: tuple[SignedMessage, ...]) -> Dealt:
    if isinstance(state, Decided):
        if not decisions:
            raise RoundInputsInvalid("this node has not seen the decisions, and the request does not bring them")
        return deal_round.receive(identity, state, decisions)
    if decisions and deal_round.receive(identity, state.decided, decisions).decisions.digest != state.decisions.digest:
        raise DecisionsDiffer("the request brings other decisions than this node dealt on")
    return state


def _public(identity: Identity, state: Dealt, received: Received[Deal], dealer: int) -> PublicDeal | str:
    if dealer in received.malformed:
        return DealInvalid.code
    try:
        return check_public(identity.consortium, state.offered, state.decisions, dealer, received.documents[dealer])
    except (DealInvalid, DecisionsDiffer) as error:
        return error.code


def _check(identity: Identity, state: Dealt, message: SignedMessage, public: PublicDeal | str) -> ReceivedDeal:
    share = complaint = None
    if isinstance(public, PublicDeal):
        dealer, key = message.sender, state.decided.keys[message.sender - 1]
        try:
            share = open_share(identity.consortium, message.query_id, dealer, identity.index, public, key)
        except ShareInvalid:
            complaint = key.hex()
    return ReceivedDeal(
        dealer=message.sender,
        digest=canonical.sha256_hex(bytes.fromhex(message.body)),
        signature=message.signature,
        public=public,
        share=share,
        complaint=complaint,
    )
