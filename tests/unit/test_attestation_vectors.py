"""The bundle vectors: as they would be written today, good ones verified, bad ones refused at their step."""

import json
from pathlib import Path

import pytest

from attestation.audit import Verdict, audit
from attestation.errors import VerificationFailed
from attestation.trust import load_trust
from attestation.verify import STEPS, verify_bundle
from protocol import canonical
from prover import reference
from tests.vectors.bundles.cases import apply, apply_to_packages
from tests.vectors.bundles.generate import EVIDENCE, FOLDER, datasets, files, kept

GOOD = sorted(FOLDER.glob("good/*.json"))
BAD = sorted(FOLDER.glob("bad/*.json"))
TRUST = load_trust(FOLDER / "trust.toml")
DATASETS = datasets()


def test_the_files_are_those_that_would_be_written_today() -> None:
    wanted = files()
    found = {str(path.relative_to(FOLDER)): path.read_bytes() for path in kept()}
    assert sorted(found) == sorted(wanted)
    assert [name for name in wanted if wanted[name] != found[name]] == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_bundle_verifies(path: Path) -> None:
    verified = verify_bundle(path.read_bytes(), TRUST, DATASETS)
    assert (verified.record is not None) == path.stem.endswith("on_chain")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_bundle_is_refused_at_its_step(path: Path) -> None:
    case = json.loads(path.read_bytes())
    honest = json.loads((FOLDER / "good" / f"{case['of']}.json").read_bytes())
    data = canonical.encode(apply(honest, case["edits"]))
    packages = apply_to_packages(DATASETS, case["packages"])
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(data, TRUST, packages)
    assert (raised.value.number, raised.value.step) == (case["number"], case["step"])
    report = audit(data, TRUST, datasets=packages)
    assert report.verdict is Verdict.REFUSED
    assert report.failed_step is not None
    assert report.failed_step.number == case["number"]


def test_every_step_has_a_bad_bundle() -> None:
    assert {json.loads(path.read_bytes())["step"] for path in BAD} == {step.name for step in STEPS}


def test_an_evidence_file_verifies_by_itself_and_under_both_verifiers() -> None:
    evidence = (FOLDER / "good" / f"{EVIDENCE}.evidence.zip").read_bytes()
    native = verify_bundle(evidence, TRUST)
    assert native.result == verify_bundle((FOLDER / "good" / f"{EVIDENCE}.json").read_bytes(), TRUST, DATASETS).result
    assert verify_bundle(evidence, TRUST, backend=reference).result == native.result


@pytest.mark.parametrize("name", ["contribution_overstated_and_signed_by_all", "package_proof_changed"])
def test_the_reference_refuses_at_the_same_step(name: str) -> None:
    case = json.loads((FOLDER / "bad" / f"{name}.json").read_bytes())
    honest = json.loads((FOLDER / "good" / f"{case['of']}.json").read_bytes())
    data, packages = canonical.encode(apply(honest, case["edits"])), apply_to_packages(DATASETS, case["packages"])
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(data, TRUST, packages, backend=reference)
    assert raised.value.step == case["step"]
