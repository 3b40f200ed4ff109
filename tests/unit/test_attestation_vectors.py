"""The bundle vectors: as they would be written today, good ones verified, bad ones refused at their step."""

import json
from pathlib import Path

import pytest

from attestation.audit import Verdict, audit
from attestation.errors import VerificationFailed
from attestation.trust import load_trust
from attestation.verify import STEPS, verify_bundle
from protocol import canonical
from tests.vectors.bundles.cases import apply
from tests.vectors.bundles.generate import FOLDER, files

GOOD = sorted(FOLDER.glob("good/*.json"))
BAD = sorted(FOLDER.glob("bad/*.json"))
TRUST = load_trust(FOLDER / "trust.toml")


def test_the_files_are_those_that_would_be_written_today() -> None:
    wanted = files()
    found = {str(path.relative_to(FOLDER)): path.read_bytes() for path in [FOLDER / "trust.toml", *GOOD, *BAD]}
    assert sorted(found) == sorted(wanted)
    assert [name for name in wanted if wanted[name] != found[name]] == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_bundle_verifies(path: Path) -> None:
    verified = verify_bundle(path.read_bytes(), TRUST)
    assert (verified.record is not None) == path.stem.endswith("on_chain")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_bundle_is_refused_at_its_step(path: Path) -> None:
    case = json.loads(path.read_bytes())
    honest = json.loads((FOLDER / "good" / f"{case['of']}.json").read_bytes())
    data = canonical.encode(apply(honest, case["edits"]))
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(data, TRUST)
    assert (raised.value.number, raised.value.step) == (case["number"], case["step"])
    report = audit(data, TRUST)
    assert report.verdict is Verdict.REFUSED
    assert report.failed_step is not None
    assert report.failed_step.number == case["number"]


def test_every_step_has_a_bad_bundle() -> None:
    assert {json.loads(path.read_bytes())["step"] for path in BAD} == {step.name for step in STEPS}
