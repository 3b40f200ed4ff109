"""Round 6, attest: t+1 good sums of shares give the total; every node states it by itself and signs.

A sum of shares is checked against the sum of the committed polynomials, so a wrong one names its sender and is not used.
Specification: docs/spec/06-rounds.md, "Attest".
"""

import prover
from attestation.sign import sign_statement
from attestation.statement import build_statement
from mpc_nodes.errors import MessageMalformed, RoundInputsInvalid, ShareSumInvalid
from mpc_nodes.rounds.inputs import receive as receive_messages
from mpc_nodes.sealing import open_sealed
from mpc_nodes.session import Endorsed, Identity, Opened
from protocol.errors import ProofwardError
from protocol.messages import Endorsement, LeftOut, Opening, Round, SignedMessage
from protocol.signing import seal_info


def receive(identity: Identity, state: Opened, messages: tuple[SignedMessage, ...]) -> Endorsed:
    """Take in the openings and derive the statement.

    Raises:
        SignatureInvalid, RoundInputsInvalid: of the messages.
        SharesInsufficient: with this node's own sum there are fewer than t+1 good ones.
        ProofwardError: the total makes no statement (errors of `attestation`).
    """
    if any(message.round is not Round.OPEN for message in messages):
        raise RoundInputsInvalid("an attestation needs the openings and nothing else")
    consortium, frozen, offered = identity.consortium, state.frozen, state.offered
    received = receive_messages(consortium, offered.offer.query_id, Round.OPEN, messages, Opening)
    sums = {identity.index: frozen.share_sum}
    accused = dict.fromkeys(received.malformed, MessageMalformed.code)
    for sender, opening in received.documents.items():
        # An opening of another set, or none for this node, is of no use here but proves no lie.
        if sender == identity.index or opening.freeze != frozen.freeze.digest or not _sealed(identity, opening):
            continue
        try:
            sums[sender] = _open_sum(identity, state, sender, opening)
        except ShareSumInvalid as error:
            accused[sender] = error.code
    secrets = prover.interpolate(sums, consortium.threshold, consortium.size)
    statement = build_statement(
        consortium=consortium,
        chain=identity.chain,
        offer=offered.offer,
        plan=offered.plan,
        contributions=frozen.contributions,
        freeze=frozen.freeze,
        decisions=frozen.checked.dealt.decisions.by_member,
        secrets=secrets,
    )
    return Endorsed(
        statement=statement,
        accused=tuple(LeftOut(hospital=member, reason=reason) for member, reason in sorted(accused.items())),
    )


def answer(identity: Identity, state: Endorsed) -> Endorsement:
    """The statement with this node's signature for the contract."""
    return Endorsement(
        statement=state.statement.encoded.hex(),
        signature=sign_statement(identity.keys.attestation, state.statement, identity.consortium),
        accused=state.accused,
    )


def _sealed(identity: Identity, opening: Opening) -> bytes:
    if len(opening.shares) != identity.consortium.size:
        return b""
    return bytes.fromhex(opening.shares[identity.index - 1])


def _open_sum(identity: Identity, state: Opened, sender: int, opening: Opening) -> bytes:
    consortium, frozen = identity.consortium, state.frozen
    key = frozen.checked.dealt.decided.keys[sender - 1]
    info = seal_info(consortium.digest, state.offered.offer.query_id, Round.OPEN, sender, identity.index)
    try:
        share_sum = open_sealed(_sealed(identity, opening), key, info)
        # A vector with zeros behind it lies on the same polynomials, but does not add up with the others.
        if len(share_sum) != state.offered.secrets_bytes:
            raise ShareSumInvalid("the sum has the wrong length")
        prover.check_share(sender, share_sum, frozen.commitments, consortium.threshold, consortium.size)
    except ProofwardError as error:
        raise ShareSumInvalid(error.message, where=f"opening of member {sender}") from error
    return share_sum
