"""The embedded chain's JSON-RPC surface: what web3 needs over HTTP, and nothing else."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3

from attestation import artefact
from attestation.chain_client import ChainClient
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import MAX_FEE_HISTORY, EmbeddedProvider
from attestation.ledger import Ledger
from attestation.rpc_provider import HttpProvider
from attestation.transactions import Call, Fees, read, sign
from tests.contracts.chains import FUNDED, TestChain, account, key, served
from tests.contracts.consortium import attestation, deploy, opened, register, send, signatures, terms


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChain]:
    ticks = itertools.count(1_763_700_000)
    path = tmp_path_factory.mktemp("chain") / "journal"
    chain = EmbeddedChain(path, funded=FUNDED, clock=lambda: float(next(ticks)))
    yield chain
    chain.close()


def ask(chain: EmbeddedChain, method: str, *parameters: Any) -> Any:
    answer = chain.handle_rpc({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(parameters)})
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == 7
    return answer


def test_the_whole_life_of_an_attestation_over_http(chain: EmbeddedChain) -> None:
    with served(chain) as url:
        remote = TestChain("http", HttpProvider(url), chain.chain_id, url)
        ledger = deploy(remote)
        roots = [register(ledger, i) for i in (1, 2)]
        fields = attestation(ledger, roots, opened([[3, 4], [5, 0]]))
        call = ledger.attest_opened(fields, signatures(ledger, fields))
        assert ledger.client.estimate_gas(call, account("hub")) >= 90_000
        receipt = send(ledger.client, "hub", call)
        assert receipt.succeeded
        auditor = Ledger.connect(url, chain.chain_id, ledger.contract, terms())
        assert auditor.attestation(fields.query_id) == fields.statement
        assert auditor.find(call) == receipt.transaction
        raw = auditor.client.raw_transaction(receipt.transaction)
        assert raw is not None
        assert read(raw).call == call
        assert read(raw).sender == account("hub")


def test_web3_itself_works_on_it(chain: EmbeddedChain) -> None:
    with served(chain) as url:
        w3 = Web3(Web3.HTTPProvider(url))
        assert w3.is_connected()
        assert w3.eth.chain_id == chain.chain_id
        assert w3.net.version == str(chain.chain_id)
        hub = Web3.to_checksum_address(account("hub"))
        assert w3.eth.get_balance(hub) > 0
        assert w3.eth.gas_price > 0
        history = w3.eth.fee_history(5, "latest", [50])
        assert len(history["baseFeePerGas"]) == len(history["gasUsedRatio"]) + 1
        compiled = artefact.load()
        factory = w3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        data = factory.constructor(
            [Web3.to_checksum_address(member) for member in terms().members], 1, terms().consortium
        ).data_in_transaction
        raw = sign(
            key("hub"),
            Call(None, bytes.fromhex(data[2:])),
            chain_id=chain.chain_id,
            nonce=w3.eth.get_transaction_count(hub),
            gas=w3.eth.estimate_gas({"from": hub, "data": data}),
            fees=Fees(10**10, 1),
        )
        receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw), timeout=5)
        assert receipt["status"] == 1
        assert receipt["contractAddress"] is not None
        contract = w3.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
        assert contract.functions.threshold().call() == 1
        assert contract.functions.isMember(Web3.to_checksum_address(account("member 2"))).call() is True
        block = w3.eth.get_block("latest", full_transactions=True)
        assert block["number"] == receipt["blockNumber"]
        (transaction,) = block["transactions"]
        assert cast(dict[str, Any], transaction)["hash"] == receipt["transactionHash"]
        assert w3.eth.get_block(block["number"] - 1)["hash"] == block["parentHash"]


def test_estimates_suffice_and_are_tight(chain: EmbeddedChain) -> None:
    local = TestChain("embedded", EmbeddedProvider(chain), chain.chain_id)
    ledger = deploy(local)
    roots = [register(ledger, i) for i in (1, 2, 3, 4)]
    for cells in (1, 8, 64):
        fields = attestation(ledger, roots, opened([[1000 + h + k for k in range(cells)] for h in range(4)]))
        call = ledger.attest_opened(fields, signatures(ledger, fields))
        estimate = ledger.client.estimate_gas(call, account("hub"))
        receipt = send(ledger.client, "hub", call, gas=estimate)
        assert receipt.succeeded
        assert estimate <= receipt.gas_used * 1.1


def test_past_states_can_be_asked_for(chain: EmbeddedChain) -> None:
    local = TestChain("embedded", EmbeddedProvider(chain), chain.chain_id)
    ledger = deploy(local)
    before = hex(chain.head.block_number)
    root = register(ledger, 1)
    call = {"to": ledger.contract, "data": "0x" + artefact.load().call_data("dataset", [root]).hex()}
    assert int(ask(chain, "eth_call", call, before)["result"], 16) == 0
    assert int(ask(chain, "eth_call", call, "latest")["result"], 16) != 0
    member = account("member 1")
    counts = [int(ask(chain, "eth_getTransactionCount", member, block)["result"], 16) for block in (before, "latest")]
    assert counts[1] == counts[0] + 1
    assert ask(chain, "eth_getTransactionCount", member, "earliest")["result"] == "0x0"
    assert ask(chain, "eth_getCode", ledger.contract, "0x0")["result"] == "0x"


def test_logs_are_filtered(chain: EmbeddedChain) -> None:
    local = TestChain("embedded", EmbeddedProvider(chain), chain.chain_id)
    ledger = deploy(local)
    first, second = register(ledger, 1), register(ledger, 2)
    everything = {"address": ledger.contract, "fromBlock": "0x0", "toBlock": "latest"}
    event = "0x" + artefact.load().event_topic("DatasetRegistered").hex()
    assert [log["topics"][3] for log in ask(chain, "eth_getLogs", everything)["result"]] == [
        "0x" + root.hex() for root in (first, second)
    ]
    for topics, count in (
        ([event], 2),
        ([event, None, None, "0x" + first.hex()], 1),
        ([[event, "0x" + "00" * 32]], 2),
        (["0x" + "00" * 32], 0),
        ([None, None, None, ["0x" + first.hex(), "0x" + second.hex()]], 2),
    ):
        assert len(ask(chain, "eth_getLogs", everything | {"topics": topics})["result"]) == count
    assert ask(chain, "eth_getLogs", everything | {"address": account("hub")})["result"] == []
    assert len(ask(chain, "eth_getLogs", everything | {"fromBlock": "latest"})["result"]) == 1


@pytest.mark.parametrize(
    "method",
    [
        "eth_accounts", "eth_sign", "eth_sendTransaction", "eth_signTransaction", "eth_getStorageAt", "eth_newFilter",
        "personal_unlockAccount", "evm_mine", "evm_increaseTime", "evm_revert", "anvil_setBalance", "debug_traceCall",
        "admin_peers", "miner_start", "txpool_content", "engine_newPayloadV4", "__class__", "handle_rpc", "", "ETH_CALL",
    ],
)  # fmt: skip
def test_what_is_not_on_the_list_does_not_exist(chain: EmbeddedChain, method: str) -> None:
    assert ask(chain, method)["error"]["code"] == -32601


@pytest.mark.parametrize(
    "request_",
    [
        None, 7, "eth_chainId", [], [{"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}], {},
        {"id": 1, "method": "eth_chainId"}, {"jsonrpc": "1.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": {}, "method": "eth_chainId", "params": {}}, {"jsonrpc": "2.0", "method": ["eth_chainId"]},
    ],
)  # fmt: skip
def test_what_is_no_request_gets_an_error_answer(chain: EmbeddedChain, request_: object) -> None:
    answer = chain.handle_rpc(request_)
    assert answer["error"]["code"] in (-32600, -32601, -32602)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x1234"]),
        ("eth_getBalance", [account("hub"), "0x00"]),
        ("eth_getBalance", [account("hub"), "0x01"]),
        ("eth_getBalance", [account("hub"), -1]),
        ("eth_getBalance", [account("hub"), "newest"]),
        ("eth_getBalance", [account("hub"), "0xffffff"]),
        ("eth_getBalance", [account("hub"), "latest", 1]),
        ("eth_call", ["0x"]),
        ("eth_call", [{"to": account("hub"), "data": "0x0"}]),
        ("eth_call", [{"to": account("hub"), "data": "0x" + "00" * 200_000}]),
        ("eth_call", [{"to": account("hub"), "value": "0x" + "f" * 65}]),
        ("eth_estimateGas", [{"to": account("hub")}, "0x0"]),
        ("eth_sendRawTransaction", ["0x" + "00" * 200_000]),
        ("eth_sendRawTransaction", [None]),
        ("eth_getTransactionReceipt", ["0x" + "00" * 31]),
        ("eth_feeHistory", [0, "latest"]),
        ("eth_feeHistory", ["0x1", "latest", [1] * 101]),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"address": [account("hub")] * 65}]),
    ],
)
def test_bad_parameters_get_an_error_answer(chain: EmbeddedChain, method: str, parameters: list[Any]) -> None:
    assert ask(chain, method, *parameters)["error"]["code"] in (-32602, -32000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=10) | st.sampled_from(
        ["0x", "0x0", "latest", "0x" + "00" * 20, "0x" + "00" * 32, "0x02" + "00" * 40]
    ),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["to", "from", "data", "value", "gas", "topics", "address", "fromBlock"]), inner),
    max_leaves=8,
)  # fmt: skip
METHODS = st.sampled_from(
    ["eth_call", "eth_getLogs", "eth_feeHistory", "eth_getBlockByNumber", "eth_sendRawTransaction", "eth_estimateGas",
     "eth_getTransactionReceipt", "eth_getCode", "eth_chainId"]
)  # fmt: skip


@settings(max_examples=300)
@given(method=METHODS, parameters=st.lists(JSON, max_size=4))
def test_no_request_crashes_it(chain: EmbeddedChain, method: str, parameters: list[Any]) -> None:
    answer = chain.handle_rpc({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
    assert ("result" in answer) != ("error" in answer)


def test_fee_history_is_bounded(chain: EmbeddedChain) -> None:
    answer = ask(chain, "eth_feeHistory", 10**9, "latest")["result"]
    assert len(answer["gasUsedRatio"]) <= min(MAX_FEE_HISTORY, chain.head.block_number + 1)


def test_a_call_that_never_ends_runs_out_of_gas(chain: EmbeddedChain) -> None:
    forever = "0x5b600056"  # JUMPDEST PUSH1 0 JUMP, as creation code
    answer = ask(chain, "eth_call", {"data": forever, "gas": hex(10**12)})
    assert "OutOfGas" in answer["error"]["message"]


def test_a_simulation_changes_nothing(chain: EmbeddedChain) -> None:
    local = TestChain("embedded", EmbeddedProvider(chain), chain.chain_id)
    ledger = deploy(local)
    head, root = chain.head.hash, os.urandom(32)
    call = ledger.register_dataset(os.urandom(32), 1, root)
    for _ in range(3):
        ledger.client.call(call, sender=account("member 1"))
        ledger.client.estimate_gas(call, account("member 1"))
    assert chain.head.hash == head
    assert ledger.dataset(root) is None


def test_many_threads_at_once(chain: EmbeddedChain) -> None:
    client = ChainClient(EmbeddedProvider(chain), chain.chain_id)
    first = client.head()

    def work(name: str) -> list[int]:
        numbers = []
        for _ in range(10):
            nonce = client.nonce(account(name))
            call = Call(account("stranger"), b"")
            raw = sign(key(name), call, chain_id=chain.chain_id, nonce=nonce, gas=21_000, fees=Fees(10**10, 1))
            receipt = client.receipt(client.send(raw))
            assert receipt is not None
            numbers.append(receipt.block_number)
        return numbers

    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(work, [f"member {i}" for i in range(1, 5)]))
    assert sorted(itertools.chain(*results)) == list(range(first + 1, first + 41))


def test_legacy_and_access_list_transactions_are_understood(chain: EmbeddedChain) -> None:
    client = ChainClient(EmbeddedProvider(chain), chain.chain_id)
    for extra in ({"gasPrice": 10**10}, {"gasPrice": 10**10, "type": 1, "accessList": []}):
        transaction: dict[str, Any] = {
            "chainId": chain.chain_id,
            "nonce": client.nonce(account("hub")),
            "gas": 30_000,
            "to": Web3.to_checksum_address(account("stranger")),
            "value": 5,
            **extra,
        }
        raw = bytes(Account.sign_transaction(transaction, key("hub")).raw_transaction)
        assert client.send(raw) == keccak(raw)
        answer = ask(chain, "eth_getTransactionByHash", "0x" + keccak(raw).hex())["result"]
        assert (answer["value"], answer["type"]) == ("0x5", hex(transaction.get("type", 0)))
    unprotected = {"nonce": 0, "gas": 30_000, "to": Web3.to_checksum_address(account("hub")), "value": 0, "gasPrice": 1}
    raw = bytes(Account.sign_transaction(unprotected, key("hub")).raw_transaction)
    assert "invalid chain id" in ask(chain, "eth_sendRawTransaction", "0x" + raw.hex())["error"]["message"]


def test_a_funded_account_is_funded_once(tmp_path: Path) -> None:
    names = [account("hub"), account("hub").upper().replace("0X", "0x")]
    chain = EmbeddedChain(tmp_path / "journal", funded=names, clock=lambda: 0.0)
    assert chain.balance(bytes.fromhex(account("hub")[2:])) == 10**24
    assert chain.balance(bytes.fromhex(account("stranger")[2:])) == 0
    chain.close()
