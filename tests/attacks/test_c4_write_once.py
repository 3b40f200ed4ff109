"""C4: under any order of calls, attestations and roots are written once and epochs only increase."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from attestation import artefact
from attestation.eip712 import AttestationFields, join_signatures
from attestation.ledger import DatasetRecord, Ledger
from attestation.transactions import Call
from tests.contracts.chains import TestChain, account, embedded
from tests.contracts.consortium import deploy, posted, send, signatures

MEMBERS = st.integers(1, 4)
SENDERS = st.sampled_from(["member 1", "member 2", "member 3", "stranger"])
KEYS = st.sampled_from([bytes([i]) * 32 for i in (1, 2)])
ROOTS = st.sampled_from([bytes([i]) * 32 for i in range(5)])  # zero among them
QUERIES = st.sampled_from([bytes([i]) * 32 for i in range(3)])
STATEMENTS = st.sampled_from([bytes([i]) * 32 for i in range(3)])


def machine(start: Callable[[], TestChain]) -> type[RuleBasedStateMachine]:
    """Random calls on the contract beside a model of what they may do."""

    class Model(RuleBasedStateMachine):
        ledger: Ledger

        @initialize()
        def begin(self) -> None:
            self.ledger = deploy(start())
            self.datasets: dict[bytes, DatasetRecord] = {}
            self.epochs: dict[tuple[str, bytes], int] = {}
            self.attested: dict[bytes, bytes] = {}

        @rule(sender=SENDERS, key=KEYS, epoch=st.integers(0, 4), root=ROOTS)
        def register(self, sender: str, key: bytes, epoch: int, root: bytes) -> None:
            allowed = (
                sender != "stranger"
                and any(root)
                and root not in self.datasets
                and epoch > self.epochs.get((account(sender), key), 0)
            )
            data = artefact.load().call_data("registerDataset", [key, epoch, root])
            receipt = send(self.ledger.client, sender, Call(self.ledger.contract, data))
            assert receipt.succeeded == allowed
            if allowed:
                self.datasets[root] = DatasetRecord(account(sender), epoch, receipt.block_number)
                self.epochs[account(sender), key] = epoch

        @rule(
            sender=SENDERS,
            query_id=QUERIES,
            statement=STATEMENTS,
            roots=st.lists(ROOTS, min_size=1, max_size=3),
            signers=st.sets(MEMBERS, max_size=4),
        )
        def attest(self, sender: str, query_id: bytes, statement: bytes, roots: list[bytes], signers: set[int]) -> None:
            owners = [self.datasets[root].member if root in self.datasets else "" for root in roots]
            order = [self.ledger.terms.members.index(owner) if owner else -1 for owner in owners]
            allowed = (
                any(statement)
                and query_id not in self.attested
                and all(owners)
                and order == sorted(set(order))
                and len(signers) >= 2
            )
            fields = AttestationFields(self.ledger.terms.consortium, query_id, statement, tuple(roots))
            signed = join_signatures(signatures(self.ledger, fields, signers))
            assert send(self.ledger.client, sender, posted(self.ledger, fields, signed)).succeeded == allowed
            if allowed:
                self.attested[query_id] = statement

        @invariant()
        def the_chain_says_what_was_allowed_first(self) -> None:
            if not hasattr(self, "attested"):
                return
            for query_id in (bytes([i]) * 32 for i in range(3)):
                assert self.ledger.attestation(query_id) == self.attested.get(query_id)
            for root in (bytes([i]) * 32 for i in range(5)):
                assert self.ledger.dataset(root) == self.datasets.get(root)
            for (member, key), epoch in self.epochs.items():
                assert self.ledger.last_epoch(member, key) == epoch

    return Model


def test_write_once_and_monotone_epochs(tmp_path: Path) -> None:
    with embedded(tmp_path) as chain:
        # One chain for all runs; each run has a contract of its own.
        run_state_machine_as_test(
            machine(lambda: chain),
            settings=settings(max_examples=10, stateful_step_count=25, deadline=None),
        )


def test_the_model_notices_a_contract_that_forgets(tmp_path: Path) -> None:
    """The check can fail: a ledger that answers for the wrong query is caught."""
    with embedded(tmp_path) as chain:
        ledger = deploy(chain)
        root = b"\x01" * 32
        assert send(ledger.client, "member 1", ledger.register_dataset(b"\x01" * 32, 1, root)).succeeded
        model = machine(lambda: chain)()
        model.begin()  # type: ignore[attr-defined]
        model.ledger = ledger  # type: ignore[attr-defined]
        try:
            model.the_chain_says_what_was_allowed_first()  # type: ignore[attr-defined]
        except AssertionError:
            return
        raise AssertionError("a root that the model does not know went unnoticed")
