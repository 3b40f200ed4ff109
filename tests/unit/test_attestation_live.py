"""The audit against a live chain: what it adds, and that a silent, wrong or lying chain never makes a bundle look good."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from attestation import artefact
from attestation.audit import AuditReport, Outcome, Verdict, audit
from attestation.bundle import Bundle, with_record
from attestation.chain_client import ChainClient
from attestation.chain_errors import ChainMismatch, ChainResponseInvalid, ChainUnavailable
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.ledger import DatasetRecord, Ledger
from attestation.transactions import Call, Fees, sign
from tests.vectors.bundles.forge import changed
from tests.vectors.bundles.world import BY_SEX_AND_SMOKER, CHAIN_ID, COUNT, Answer, World


class Posted:
    """A consortium with its contract on an embedded chain."""

    def __init__(self, directory: Path) -> None:
        keys = World()
        funded = [Account.from_key(keys.account(i)).address for i in (*keys.indices, 9)]
        self.chain = EmbeddedChain(directory / "journal", funded=funded, clock=time.time, chain_id=CHAIN_ID)
        self.client = ChainClient(EmbeddedProvider(self.chain), CHAIN_ID)
        create = Call(None, artefact.load().creation_code(keys.trust.terms))
        deployed = self.client.send(self._sign(9, 0, create))
        receipt = self.client.receipt(deployed)
        assert receipt is not None
        assert receipt.contract is not None
        self.world = World(contract=receipt.contract)

    def _sign(self, index: int, nonce: int, call: Call) -> bytes:
        fees = Fees(10**10, 1)
        return sign(World().account(index), call, chain_id=CHAIN_ID, nonce=nonce, gas=8_000_000, fees=fees)

    def connect(self) -> Ledger:
        return Ledger(self.client, self.world.contract, self.world.trust.terms)

    @cached_property
    def answer(self) -> Answer:
        return self.world.ask(COUNT, label="live", publication="aggregate")

    def send(self, raw: str) -> None:
        name = self.client.send(bytes.fromhex(raw))
        receipt = self.client.receipt(name)
        assert receipt is not None
        assert receipt.succeeded

    def post(self) -> Bundle:
        """Registers the roots and posts the answer with exactly the transactions of the record."""
        for transaction in self.answer.record.registrations:
            self.send(transaction.raw)
        self.send(self.answer.record.attestation.raw)
        return with_record(self.answer.bundle, self.answer.record)


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Posted]:
    place = Posted(tmp_path_factory.mktemp("chain"))
    yield place
    place.chain.close()


@pytest.fixture(scope="module")
def bundle(posted: Posted) -> Bundle:
    return posted.post()


def audited(posted: Posted, bundle: Bundle, connect: Callable[[], Ledger], *, confirmations: int = 1) -> AuditReport:
    trust, datasets = posted.world.trust, posted.world.datasets
    return audit(bundle.encoded, trust, connect, datasets=datasets, confirmations=confirmations)


def outcomes(report: AuditReport) -> dict[str, str]:
    return {check.name: str(check.outcome) for check in report.checks if check.number > 16}


def test_a_posted_answer_passes_every_check(posted: Posted, bundle: Bundle) -> None:
    report = audited(posted, bundle, posted.connect)
    assert [check.reason for check in report.checks if check.reason] == []
    assert (report.verdict, len(report.checks)) == (Verdict.VERIFIED, 20)


def test_the_transactions_of_the_record_are_what_the_contract_accepted(posted: Posted, bundle: Bundle) -> None:
    ledger = posted.connect()
    query_id = bytes.fromhex(posted.answer.offer.query_id)
    assert ledger.attestation(query_id) is not None
    assert bundle.record is not None
    receipt = ledger.client.receipt(bytes.fromhex(bundle.record.attestation.hash))
    assert receipt is not None
    assert receipt.succeeded


def test_without_a_record_the_chain_itself_is_enough(posted: Posted, bundle: Bundle) -> None:
    report = audited(posted, changed(bundle, record=None), posted.connect)
    assert report.verdict is Verdict.VERIFIED
    assert outcomes(report) == {"record": "not-checked", "contract": "pass", "registered": "pass", "posted": "pass"}


def test_an_answer_that_is_not_posted_leaves_the_audit_undecided(posted: Posted, bundle: Bundle) -> None:
    other = posted.world.ask(BY_SEX_AND_SMOKER, label="not posted", minimum_cohort=10)
    report = audited(posted, other.bundle, posted.connect)
    assert (report.verdict, report.exit_code) == (Verdict.UNDECIDED, 2)
    assert outcomes(report) == {"record": "not-checked", "contract": "pass", "registered": "pass", "posted": "cannot-tell"}


def test_another_statement_for_the_query_is_refused(posted: Posted, bundle: Bundle) -> None:
    # The whole consortium answers the same query twice; the contract took the first answer.
    second = posted.world.ask(COUNT, label="live", publication="aggregate", minimum_cohort=4)
    assert second.offer == posted.answer.offer
    report = audited(posted, second.bundle, posted.connect)
    assert report.verdict is Verdict.REFUSED
    assert report.failed_step is not None
    assert report.failed_step.name == "posted"
    assert audit(second.evidence, posted.world.trust).verdict is Verdict.VERIFIED  # offline nobody can know


def test_confirmations_are_counted(posted: Posted, bundle: Bundle) -> None:
    assert audited(posted, bundle, posted.connect, confirmations=1).verdict is Verdict.VERIFIED
    report = audited(posted, bundle, posted.connect, confirmations=1000)
    assert (report.verdict, outcomes(report)["posted"]) == (Verdict.UNDECIDED, "cannot-tell")


@pytest.mark.parametrize(
    ("error", "verdict", "outcome"),
    [
        (ChainUnavailable("connection refused"), Verdict.UNDECIDED, Outcome.UNKNOWN),
        (ChainResponseInvalid("nonsense"), Verdict.UNDECIDED, Outcome.UNKNOWN),
        (ChainMismatch("other code"), Verdict.REFUSED, Outcome.FAILED),
    ],
)
def test_a_chain_that_cannot_be_used(
    posted: Posted, bundle: Bundle, error: Exception, verdict: Verdict, outcome: Outcome
) -> None:
    def connect() -> Ledger:
        raise error

    report = audited(posted, bundle, connect)
    assert report.verdict is verdict
    assert report.checks[17].outcome is outcome
    assert outcomes(report) | {"contract": ""} == {
        "record": "pass",
        "contract": "",
        "registered": "not-checked",
        "posted": "not-checked",
    }
    assert report.checks[19].reason == "needs step 18 (contract)"


def test_a_silent_chain_does_not_excuse_a_bad_bundle(posted: Posted, bundle: Bundle) -> None:
    def connect() -> Ledger:
        raise ChainUnavailable("connection refused")

    bad = changed(bundle, freezes=bundle.freezes[:1])
    assert audited(posted, bad, connect).exit_code == 1


class LyingLedger(Ledger):
    """Answers as it is told."""

    def __init__(self, honest: Ledger, **lies: Any) -> None:
        self.__dict__.update(honest.__dict__)
        self._lies = lies

    def __getattribute__(self, name: str) -> Any:
        lies = object.__getattribute__(self, "__dict__").get("_lies", {})
        return lies[name] if name in lies else object.__getattribute__(self, name)


def _dataset(**members: Any) -> Callable[[Ledger], Any]:
    def lie(honest: Ledger) -> Any:
        return lambda root: replace(honest.dataset(root) or DatasetRecord("", 0, 0), **members)

    return lie


@pytest.mark.parametrize(
    ("name", "lie", "step", "verdict"),
    [
        ("contract", lambda _: "0x" + "11" * 20, "contract", Verdict.REFUSED),
        ("members", lambda honest: lambda: honest.members()[::-1], "contract", Verdict.REFUSED),
        ("threshold", lambda _: lambda: 0, "contract", Verdict.REFUSED),
        ("consortium", lambda _: lambda: bytes(32), "contract", Verdict.REFUSED),
        ("dataset", lambda _: lambda root: None, "registered", Verdict.UNDECIDED),
        ("dataset", _dataset(member="0x" + "11" * 20), "registered", Verdict.REFUSED),
        ("dataset", _dataset(epoch=2), "registered", Verdict.REFUSED),
        ("dataset", _dataset(block_number=10**6), "posted", Verdict.REFUSED),
        ("attestation", lambda _: lambda query_id: None, "posted", Verdict.UNDECIDED),
        ("attestation", lambda _: lambda query_id: bytes(31) + b"\x01", "posted", Verdict.REFUSED),
        ("find", lambda _: lambda call: None, "posted", Verdict.UNDECIDED),
    ],
)
def test_what_the_chain_says_is_compared(
    posted: Posted, bundle: Bundle, name: str, lie: Callable[[Ledger], Any], step: str, verdict: Verdict
) -> None:
    honest = posted.connect()
    report = audit(
        bundle.encoded, posted.world.trust, lambda: LyingLedger(honest, **{name: lie(honest)}), datasets=posted.world.datasets
    )
    assert report.verdict is verdict
    first = next(check for check in report.checks if check.outcome is not Outcome.PASSED)
    assert first.name == step
