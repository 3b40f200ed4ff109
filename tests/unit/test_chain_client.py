"""C3: an endpoint that answers lies or nonsense causes typed errors, never a wrong fact and never another exception."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from web3.types import RPCResponse

from attestation.chain_client import ChainClient
from attestation.chain_errors import (
    ChainArgumentInvalid,
    ChainMismatch,
    ChainRejected,
    ChainResponseInvalid,
    ChainReverted,
    ChainUnavailable,
)
from attestation.ledger import DatasetRecord, Effect, Ledger
from attestation.transactions import Call, Fees, read, sign
from protocol.errors import ProofwardError
from tests.contracts.chains import TestChain, account, embedded, key
from tests.contracts.consortium import attestation, deploy, register, send, signatures, terms
from tests.contracts.faults import WatchedProvider, error


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestChain]:
    with embedded(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture(scope="module")
def honest(chain: TestChain) -> Ledger:
    return deploy(chain)


@pytest.fixture
def liar(chain: TestChain) -> WatchedProvider:
    return WatchedProvider(chain.provider)


def lie(liar: WatchedProvider, method: str, answer: Any) -> None:
    """From now on `answer` is the result of `method`."""

    def before(asked: str, params: Any) -> RPCResponse | None:
        return {"jsonrpc": "2.0", "id": 1, "result": answer} if asked == method else None

    liar.before = before


def connect(liar: WatchedProvider, honest: Ledger) -> Ledger:
    return Ledger.connect(liar, honest.client.chain_id, honest.contract, honest.terms)


@pytest.mark.parametrize("chain_id", ["0x1", "0x4a44", "0x0"])
def test_a_wrong_chain_id(liar: WatchedProvider, honest: Ledger, chain_id: str) -> None:
    lie(liar, "eth_chainId", chain_id)
    with pytest.raises(ChainMismatch):
        connect(liar, honest)


def test_wrong_code(liar: WatchedProvider, honest: Ledger) -> None:
    code = bytearray(honest.client.code(honest.contract))
    for position in (0, 100, len(code) - 1):
        changed = bytes(code[:position]) + bytes([code[position] ^ 1]) + bytes(code[position + 1 :])
        lie(liar, "eth_getCode", "0x" + changed.hex())
        with pytest.raises(ChainMismatch):
            connect(liar, honest)
    lie(liar, "eth_getCode", "0x" + code.hex() + "00")
    with pytest.raises(ChainMismatch):
        connect(liar, honest)


def test_a_fake_receipt_of_another_transaction(liar: WatchedProvider, honest: Ledger) -> None:
    real = send(honest.client, "hub", Call(account("stranger"), b""))
    other = liar.make_request("eth_getTransactionReceipt", ["0x" + real.transaction.hex()])  # type: ignore[arg-type]
    lie(liar, "eth_getTransactionReceipt", other["result"])
    with pytest.raises(ChainResponseInvalid, match="another transaction"):
        ChainClient(liar, honest.client.chain_id).receipt(keccak(b"ours"))


def test_a_transaction_with_other_content(liar: WatchedProvider, honest: Ledger) -> None:
    real = send(honest.client, "hub", Call(account("stranger"), b"\x01\x02"))
    answer = liar.make_request("eth_getTransactionByHash", ["0x" + real.transaction.hex()])["result"]  # type: ignore[arg-type]
    client = ChainClient(liar, honest.client.chain_id)
    for change in ({"input": "0x0103"}, {"nonce": "0x77"}, {"to": account("hub")}, {"r": "0x1"}, {"type": "0x0"}):
        lie(liar, "eth_getTransactionByHash", answer | change)
        with pytest.raises(ChainResponseInvalid):
            client.raw_transaction(real.transaction)
    lie(liar, "eth_getTransactionByHash", answer)
    raw = client.raw_transaction(real.transaction)
    assert raw is not None
    assert keccak(raw) == real.transaction


def test_an_old_head_confirms_nothing_early(liar: WatchedProvider, honest: Ledger) -> None:
    client = ChainClient(liar, honest.client.chain_id)
    receipt = send(honest.client, "hub", Call(account("stranger"), b""))
    lie(liar, "eth_blockNumber", hex(receipt.block_number - 1))
    assert client.confirmations(receipt) == 0


def test_omitted_logs_hide_but_do_not_invent(liar: WatchedProvider, honest: Ledger) -> None:
    root = register(honest, 1)
    fields = attestation(honest, [root])
    call = honest.attest(fields, signatures(honest, fields))
    receipt = send(honest.client, "hub", call)
    ledger = connect(liar, honest)
    assert ledger.find(call) == receipt.transaction
    lie(liar, "eth_getLogs", [])
    assert ledger.find(call) is None


NONSENSE: list[Any] = [
    None, True, 7, -1, "", "0x", "zz", "0xzz", "0x1", [], [[]], {}, {"number": "x"}, "0x" + "ff" * 40, 1.5, [None], "latest",
]  # fmt: skip
ASKS: dict[str, Any] = {
    "eth_blockNumber": lambda ledger: ledger.client.head(),
    "eth_getTransactionCount": lambda ledger: ledger.client.nonce(account("hub")),
    "eth_getBalance": lambda ledger: ledger.client.balance(account("hub")),
    "eth_getCode": lambda ledger: ledger.client.code(ledger.contract),
    "eth_getBlockByNumber": lambda ledger: ledger.client.fees(),
    "eth_maxPriorityFeePerGas": lambda ledger: ledger.client.fees(),
    "eth_call": lambda ledger: ledger.members(),
    "eth_estimateGas": lambda ledger: ledger.client.estimate_gas(Call(account("hub"), b""), account("hub")),
    "eth_getTransactionReceipt": lambda ledger: ledger.client.receipt(bytes(32)),
    "eth_getTransactionByHash": lambda ledger: ledger.client.raw_transaction(bytes(32)),
    "eth_getLogs": lambda ledger: ledger.client.logs({}),
    "eth_sendRawTransaction": lambda ledger: ledger.client.send(b"\x02"),
}


@pytest.mark.parametrize("method", list(ASKS))
def test_nonsense_is_a_typed_error(liar: WatchedProvider, honest: Ledger, method: str) -> None:
    ledger = connect(liar, honest)
    for nonsense in NONSENSE:
        lie(liar, method, nonsense)
        try:
            ASKS[method](ledger)
        except ProofwardError as refused:
            assert isinstance(refused, ChainResponseInvalid | ChainUnavailable)  # noqa: PT017


@settings(max_examples=150)
@given(
    answer=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["0x1", "0x" + "00" * 32]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["transactionHash", "blockNumber", "blockHash", "status", "gasUsed", "type", "input"]), inner
            )
        ),
        max_leaves=6,
    ),
    method=st.sampled_from(sorted(ASKS)),
)
def test_random_answers_are_typed_errors(chain: TestChain, honest: Ledger, answer: Any, method: str) -> None:
    liar = WatchedProvider(chain.provider)
    ledger = connect(liar, honest)
    lie(liar, method, answer)
    try:
        ASKS[method](ledger)
    except ProofwardError:
        return


def test_faults_have_their_kind(liar: WatchedProvider, honest: Ledger) -> None:
    ledger = connect(liar, honest)
    for answer, kind in (
        (error("limit exceeded", -32005), ChainRejected),
        (error("nonce too low", -32000), ChainRejected),
        (error("internal", -32603), ChainUnavailable),
        (error("method not found", -32601), ChainUnavailable),
        (error("execution reverted", 3), ChainReverted),
    ):
        liar.before = lambda method, params, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(kind):
            ledger.client.head()


def test_a_refusal_is_explained(honest: Ledger) -> None:
    explain = honest.explain
    assert explain(ChainReverted("unknown", data=b"")).error_name == "unknown"
    assert explain(ChainReverted("unknown", data=b"\x01\x02\x03\x04")).error_name == "unknown"
    assert explain(ChainReverted("unknown", data=keccak(b"StaleEpoch(uint64,uint64)")[:4])).error_name == "unknown"
    panic = keccak(b"Panic(uint256)")[:4] + (0x11).to_bytes(32, "big")
    assert explain(ChainReverted("unknown", data=panic)).arguments == ("17",)
    stale = keccak(b"StaleEpoch(uint64,uint64)")[:4] + (3).to_bytes(32, "big") + (5).to_bytes(32, "big")
    explained = explain(ChainReverted("unknown", data=stale))
    assert (explained.error_name, explained.arguments) == ("StaleEpoch", ("3", "5"))
    assert "StaleEpoch(3, 5)" in str(explained)


def test_effects(honest: Ledger) -> None:
    root, dataset_key = keccak(b"root of effects"), keccak(b"key of effects")
    call = honest.register_dataset(dataset_key, 3, root)
    owner, other = account("member 1"), account("member 2")
    assert honest.effect(call, owner) is Effect.ABSENT
    assert honest.find(call) is None
    receipt = send(honest.client, "member 1", call)
    assert honest.effect(call, owner) is Effect.PRESENT
    assert honest.effect(call, other) is Effect.CONTRADICTED
    assert honest.effect(honest.register_dataset(dataset_key, 2, keccak(b"other")), owner) is Effect.CONTRADICTED
    assert honest.effect(honest.register_dataset(dataset_key, 4, keccak(b"other")), owner) is Effect.ABSENT
    assert honest.find(call) == receipt.transaction
    assert honest.dataset(root) == DatasetRecord(owner, 3, receipt.block_number)
    assert honest.effect(Call(account("stranger"), call.data), owner) is Effect.ABSENT  # not this contract
    assert honest.effect(Call(honest.contract, b"\x00" * 4), owner) is Effect.ABSENT
    fields = attestation(honest, [root])
    attest = honest.attest(fields, signatures(honest, fields))
    assert honest.effect(attest, other) is Effect.ABSENT
    send(honest.client, "hub", attest)
    assert honest.effect(attest, other) is Effect.PRESENT
    second = attestation(honest, [root], query_id=fields.query_id)
    assert honest.effect(honest.attest(second, signatures(honest, second)), other) is Effect.CONTRADICTED


def test_calls_that_cannot_be_made(honest: Ledger) -> None:
    fields = attestation(honest, [bytes(32)])
    attempts: list[Callable[[], object]] = [
        lambda: honest.register_dataset(bytes(31), 1, b"\x01" * 32),
        lambda: honest.register_dataset(bytes(32), 0, b"\x01" * 32),
        lambda: honest.register_dataset(bytes(32), 1 << 64, b"\x01" * 32),
        lambda: honest.register_dataset(bytes(32), 1, bytes(32)),
        lambda: honest.attest_opened(fields, {}),
        lambda: honest.attest(fields, {account("member 1"): b"\x00" * 64}),
        lambda: Ledger(honest.client, honest.contract, terms(3, 1)).attest(fields, {}),
    ]
    for bad in attempts:
        with pytest.raises((ChainArgumentInvalid, ChainMismatch)):
            bad()


@settings(max_examples=100)
@given(
    nonce=st.integers(0, 2**63 - 1),
    gas=st.integers(21_000, 10**9),
    max_fee=st.integers(0, 2**100),
    data=st.binary(max_size=100),
    to=st.none() | st.binary(min_size=20, max_size=20),
)
def test_a_transaction_reads_as_it_was_signed(nonce: int, gas: int, max_fee: int, data: bytes, to: bytes | None) -> None:
    call = Call(None if to is None else "0x" + to.hex(), data)
    raw = sign(key("hub"), call, chain_id=5, nonce=nonce, gas=gas, fees=Fees(max_fee, max_fee // 2))
    assert raw == sign(key("hub"), call, chain_id=5, nonce=nonce, gas=gas, fees=Fees(max_fee, max_fee // 2))
    signed = read(raw)
    assert (signed.sender, signed.chain_id, signed.nonce, signed.gas) == (account("hub"), 5, nonce, gas)
    assert (signed.fees, signed.call) == (Fees(max_fee, max_fee // 2), call)


@given(raw=st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\x02" + tail))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    with pytest.raises(ChainArgumentInvalid):
        read(raw)
