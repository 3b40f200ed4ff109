"""Round 5, open: with a quorum behind one set, each node sends its sum of shares to the others of that quorum.

Nothing has been opened before this point, and from here on the answer can come without any one node (docs/spec/06-rounds.md,
"Open").
"""

from mpc_nodes.errors import QuorumMissing, RoundInputsInvalid
from mpc_nodes.rounds.inputs import receive as receive_messages
from mpc_nodes.sealing import seal
from mpc_nodes.session import Frozen, Identity, Opened
from protocol.messages import Freeze, Opening, Round, SignedMessage
from protocol.signing import seal_info


def receive(identity: Identity, state: Frozen, messages: tuple[SignedMessage, ...]) -> Opened:
    """Take in the freezes: a quorum must say, byte for byte, what this node says.

    Raises:
        SignatureInvalid, RoundInputsInvalid: of the messages.
        QuorumMissing: fewer than a quorum froze this node's set.
    """
    if any(message.round is not Round.FREEZE for message in messages):
        raise RoundInputsInvalid("an opening needs the freezes and nothing else")
    query_id = state.offered.offer.query_id
    received = receive_messages(identity.consortium, query_id, Round.FREEZE, messages, Freeze)
    certificate = [member for member, freeze in received.documents.items() if freeze == state.freeze]
    if len(certificate) < identity.consortium.quorum:
        raise QuorumMissing(f"{len(certificate)} members froze the set of this node, {identity.consortium.quorum} are needed")
    # A proven liar gets no share: it would learn the total before suppression.
    blamed = {entry.hospital for entry in state.freeze.blamed}
    committee = state.checked.dealt.decisions.committee
    receivers = [m for m in certificate if m != identity.index and m not in blamed and m in committee]
    return Opened(frozen=state, receivers=tuple(sorted(receivers)))


def answer(identity: Identity, state: Opened) -> Opening:
    """This node's sum of shares over the qualified set, sealed for each receiver."""
    consortium, query_id = identity.consortium, state.offered.offer.query_id
    decisions = state.frozen.checked.dealt.decisions
    sealed = [""] * consortium.size
    for receiver in state.receivers:
        key = decisions.by_member[receiver].keys[identity.index - 1]
        info = seal_info(consortium.digest, query_id, Round.OPEN, identity.index, receiver)
        sealed[receiver - 1] = seal(state.frozen.share_sum, key, info).hex()
    return Opening(freeze=state.frozen.freeze.digest, shares=tuple(sealed))
