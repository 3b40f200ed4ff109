"""Offline verification of a bundle: bytes and pinned facts in, a verified attestation out, or `VerificationFailed`.

Nothing here opens a socket, reads a clock or a file: the verdict is a function of bundle, packages and trust
(tests/attacks/test_i7_offline_verdict.py). Many proofs are verified as one equation, with weights from the operating system
that no prover could foresee: true proofs pass with any weights, and a false one passes with negligible probability only.
Specification: docs/spec/08-attestation.md, "Verification".
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any, Final

import prover
from attestation.bundle import Bundle, ChainRecord
from attestation.checks import Check, Examination
from attestation.checks_chain import record
from attestation.checks_identity import consortium, form, parameters, signatures, statement
from attestation.checks_outcome import aggregate, disclosure, freeze
from attestation.checks_proof import admission, contributions, proofs
from attestation.checks_query import datasets, offer, participants, plan
from attestation.checks_result import ROUND_STEPS, result
from attestation.trust import Trust
from circuits.result import ResultTable
from protocol.consortium import Consortium, Member
from protocol.statement import Assurance, Statement
from prover.backend import Backend

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


def verify_bundle(
    bundle: bytes | Bundle,
    trust: Trust,
    datasets: Mapping[str, bytes] | None = None,
    *,
    backend: Backend = prover,
    threads: int = 1,
) -> VerifiedAttestation:
    """Verify `bundle`, which is untrusted, against the pinned `trust`.

    Args:
        bundle: a bundle, or an evidence file.
        datasets: the dataset packages of the parts by root, untrusted too. An evidence file holds them.
        backend: the compiled kernel, or `prover.reference`, which is pure Python and slow.
        threads: threads of the kernel.

    Raises:
        VerificationFailed: at the first step that fails, with `undecided` if it lacks a package. Nothing else, whatever the
            bytes are.
    """
    data = bundle.encoded if isinstance(bundle, Bundle) else bundle
    return conclude(Examination(data, trust, datasets, backend=backend, threads=threads))


def conclude(examination: Examination) -> VerifiedAttestation:
    """Run the steps in order and stop at the first that fails. Raises VerificationFailed.

    1. form           one canonical document                   10. plan           compiled again from the SQL
    2. consortium     the pinned one                           11. contributions  signed, bound to this query alone
    3. statement      one canonical in-toto statement          12. proofs         each follows from the table
    4. parameters     this protocol, chain and contract        13. freeze         a quorum fixed the set beforehand
    5. signatures     t+1 members, exactly this statement      14. disclosure     small cohorts are suppressed
    6. offer          one offer of this consortium             15. aggregate      the commitments open to the cells
    7. participants   every decision, every absence            16. result         the table follows from the cells
    8. datasets       registered, of the query's schema        17. record         what was posted is this statement
    9. admission      every row proven to obey the schema
    """
    # 1-5. Who says what: nothing after this has to wonder which document, which members, which chain.
    examination.of(form)
    pinned = examination.of(consortium)
    signed = examination.of(statement)
    examination.of(parameters)
    signers = examination.of(signatures)

    # 6-10. What was asked, and of which tables: the offer is in the statement, the schema is in the registrations, the plan
    # follows from both, and the packages prove that the committed tables obey the schema.
    examination.of(offer)
    examination.of(participants)
    examination.of(datasets)
    examination.of(admission)
    examination.of(plan)

    # 11-13. What the hospitals committed to, that it is what the plan gives on their tables, and that the set of them was
    # fixed before anything was opened.
    examination.of(contributions)
    examination.of(proofs)
    examination.of(freeze)

    # 14-16. What came out. Steps 9, 12 and 15 hold even if every member is corrupt: they are mathematics, not signatures.
    examination.of(disclosure)
    examination.of(aggregate)
    table = examination.of(result)

    # 17. What was posted, if the bundle says so.
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
STEPS: Final[tuple[Check[Any], ...]] = (*ROUND_STEPS, result, record)
