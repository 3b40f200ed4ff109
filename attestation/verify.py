"""Offline verification of a bundle: bytes and pinned facts in, a verified attestation out, or `VerificationFailed`.

Nothing here opens a socket, reads a clock or a file, or draws randomness: the verdict is a function of bundle and trust
(tests/attacks/test_i7_offline_verdict.py). Specification: docs/spec/08-attestation.md, "Verification".
"""

from dataclasses import InitVar, dataclass
from typing import Any, Final

from attestation.bundle import Bundle, ChainRecord
from attestation.checks import Check, Examination
from attestation.checks_chain import record
from attestation.checks_identity import consortium, form, parameters, signatures, statement
from attestation.checks_outcome import aggregate, contributions, disclosure, freeze, result
from attestation.checks_query import datasets, offer, participants, plan
from attestation.trust import Trust
from circuits.result import ResultTable
from protocol.consortium import Consortium, Member
from protocol.statement import Assurance, Statement

_VERIFIER: Final = object()


@dataclass(frozen=True)
class VerifiedAttestation:
    """An attestation that has passed every offline check. Only the verifier can make one.

    Attributes:
        statement: what was attested.
        result: the finished table.
        consortium: the pinned consortium.
        participants: the hospitals whose tables are in the answer, in order.
        signers: the members that signed the statement.
        assurance: how far each part can be checked: `proven`, `signed` or `none`.
        record: the transactions that posted it, if the bundle has them. Whether they are in a block, only a chain knows.
    """

    statement: Statement
    result: ResultTable
    consortium: Consortium
    participants: tuple[Member, ...]
    signers: tuple[Member, ...]
    assurance: Assurance
    record: ChainRecord | None
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _VERIFIER:
            raise TypeError("a VerifiedAttestation is made by verify_bundle alone")


def verify_bundle(bundle: bytes | Bundle, trust: Trust) -> VerifiedAttestation:
    """Verify `bundle`, which is untrusted, against the pinned `trust`.

    Raises:
        VerificationFailed: at the first step that fails. Nothing else, whatever the bytes are.
    """
    return conclude(Examination(bundle.encoded if isinstance(bundle, Bundle) else bundle, trust))


def conclude(examination: Examination) -> VerifiedAttestation:
    """Run the steps in order and stop at the first that fails. Raises VerificationFailed.

    1. form           one canonical document                    8. datasets       registered, of the query's schema
    2. consortium     the pinned one                            9. plan           compiled again from the SQL
    3. statement      one canonical in-toto statement          10. contributions  signed, bound to this query alone
    4. parameters     this protocol, chain and contract        11. freeze         a quorum fixed the set beforehand
    5. signatures     t+1 members, exactly this statement      12. disclosure     bounds, small cohorts suppressed
    6. offer          one offer of this consortium             13. aggregate      the commitments open to the cells
    7. participants   every decision, every absence            14. result         the table follows from the cells
                                                               15. record         what was posted is this statement
    """
    # 1-5. Who says what: nothing after this has to wonder which document, which members, which chain.
    examination.of(form)
    pinned = examination.of(consortium)
    signed = examination.of(statement)
    examination.of(parameters)
    signers = examination.of(signatures)

    # 6-9. What was asked: the offer is in the statement, the schema is in the registrations, the plan follows from both.
    examination.of(offer)
    examination.of(participants)
    examination.of(datasets)
    examination.of(plan)

    # 10-11. What the hospitals committed to, and that it was fixed before anything was opened.
    examination.of(contributions)
    examination.of(freeze)

    # 12-14. What came out. Step 13 holds even if every member is corrupt: it is mathematics, not a signature.
    examination.of(disclosure)
    examination.of(aggregate)
    table = examination.of(result)

    # 15. What was posted, if the bundle says so.
    posted = examination.of(record)

    return VerifiedAttestation(
        statement=signed,
        result=table,
        consortium=pinned,
        participants=tuple(pinned.member(part.hospital) for part in signed.predicate.parts),
        signers=signers,
        assurance=signed.predicate.assurance,
        record=posted,
        made_by=_VERIFIER,
    )


# The same steps for an audit, which shows all of them.
STEPS: Final[tuple[Check[Any], ...]] = (
    form,
    consortium,
    statement,
    parameters,
    signatures,
    offer,
    participants,
    datasets,
    plan,
    contributions,
    freeze,
    disclosure,
    aggregate,
    result,
    record,
)
