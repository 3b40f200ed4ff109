"""Checks 9, 11 and 12: the tables obey their schema, and what each hospital contributed follows from its table."""

from attestation.checks import Examination, Missing, Refused, check
from attestation.checks_identity import consortium, contents, form, statement
from attestation.checks_query import datasets, offer, plan
from attestation.statement import decisions_digest
from protocol.canonical import sha256_hex
from protocol.dataset import SignedRegistration
from protocol.messages import Contribution
from protocol.signatures import verify_contribution
from prover.admission import verify_admission
from prover.contribution import ProvenContribution, verify_contributions
from prover.errors import AdmissionProofInvalid, ContributionProofInvalid, PackageInvalid
from prover.package import Package, decode_package


@check(9, "admission", "Each table was proven, when it was registered, to obey the schema in every row.")
def admission(examination: Examination) -> tuple[Package, ...]:
    bundle = examination.of(form)
    examination.of(datasets)
    at_hand = {**examination.datasets, **examination.of(contents).datasets}
    packages, missing = [], []
    for signed in bundle.registrations:
        data = at_hand.get(signed.registration.root)
        if data is None:
            missing.append(signed.registration)
        else:
            packages.append(_admitted(examination, signed, data))
    if missing:
        # After the packages that are at hand, so that a bad one is refused all the same.
        names = ", ".join(f"{each.root} (member {each.hospital})" for each in missing)
        raise Missing(
            f"dataset packages are not at hand: {names}",
            hint="get the evidence file (proofward evidence ID), or give a directory with ROOT.dataset files (--datasets)",
        )
    return tuple(packages)


def _admitted(examination: Examination, signed: SignedRegistration, data: bytes) -> Package:
    """The package of a registration, after its admission proofs. Raises Refused."""
    who = f"the dataset of member {signed.registration.hospital}"
    try:
        package = decode_package(data)
        if package.signed != signed:
            raise Refused(f"{who} comes with the package of another registration")
        if not examination.admitted.holds(examination.backend, data):
            verify_admission(package, examination.backend, threads=examination.threads)
            examination.admitted.add(examination.backend, data)
    except (PackageInvalid, AdmissionProofInvalid) as error:
        raise Refused(f"{who}: {error.message}", where=error.where) from error
    return package


@check(11, "contributions", "Each part is a commitment that its hospital signed for this query, dataset and plan alone.")
def contributions(examination: Examination) -> tuple[Contribution, ...]:
    bundle, pinned, asked = examination.of(form), examination.of(consortium), examination.of(offer)
    predicate, backend = examination.of(statement).predicate, examination.backend
    if not predicate.parts or len(bundle.contributions) != len(predicate.parts):
        raise Refused("there is not one contribution for each part")
    decisions = decisions_digest(bundle.decisions)
    found = []
    for part, signed in zip(predicate.parts, bundle.contributions, strict=True):
        contribution = verify_contribution(pinned, signed)
        stated = {
            "part": (contribution.hospital, contribution.digest) == (part.hospital, part.contribution),
            "dataset": contribution.root == part.root,
            "commitment": contribution.commitment == part.commitment,
            "consortium": contribution.consortium == pinned.digest,
            "offer": contribution.offer == asked.digest,
            "query": (contribution.query_id, contribution.nonce) == (asked.query_id, asked.nonce),
            "plan": contribution.plan_hash == asked.plan_hash,
            "schema": contribution.schema_hash == asked.schema_hash,
            "set of decisions": contribution.decisions == decisions,
            "set of generators": contribution.generators == backend.generator_digest(),
            "threshold": len(contribution.sharing) == pinned.threshold,
        }
        for what, agrees in stated.items():
            if not agrees:
                raise Refused(f"the contribution of member {part.hospital} is bound to another {what}")
        points = b"".join(map(bytes.fromhex, (contribution.commitment, *contribution.sharing)))
        backend.check_points(points, 1 + pinned.threshold)
        found.append(contribution)
    return tuple(found)


@check(12, "proofs", "Each contribution is proven to be what the query gives on the registered table, whoever signed it.")
def proofs(examination: Examination) -> None:
    committed, given = examination.of(contributions), examination.of(form).proof_bytes
    if len(given) != len(committed):
        raise Refused("there is not one proof for each part")
    for contribution, proof in zip(committed, given, strict=True):
        if sha256_hex(proof) != contribution.proof:
            raise Refused(f"the proof of member {contribution.hospital} is not the one that its contribution names")
    compiled, packages = examination.of(plan), examination.of(admission)
    items = [
        ProvenContribution(contribution, compiled, package, proof)
        for contribution, package, proof in zip(committed, packages, given, strict=True)
        if not examination.admitted.holds(examination.backend, contribution.encoded)
    ]
    if not items:
        return
    try:
        verify_contributions(items, examination.backend, threads=examination.threads)
    except ContributionProofInvalid as error:
        hospital = items[error.index].contribution.hospital
        raise Refused(f"member {hospital}: {error.message}", where=error.where) from error
    for item in items:
        examination.admitted.add(examination.backend, item.contribution.encoded)
