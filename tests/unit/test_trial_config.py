"""The files of a trial, and what the configuration refuses."""

import json
import time
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from attestation.chain_client import ChainClient
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.publish import Publisher
from attestation.transaction_store import SqlTransactionStore, create_tables
from attestation.transactions import Call
from attestation.trust import load_trust
from mpc_nodes import tls
from mpc_nodes.config import (
    load_account_key,
    load_certificate,
    load_consortium,
    load_hub_config,
    load_node_config,
    load_signing_key,
    load_tls,
)
from mpc_nodes.database import create_engine
from mpc_nodes.policy import load_policy
from mpc_nodes.transport_errors import ConfigInvalid, TrialExists
from mpc_nodes.trial import Trial, contract_address, init_consortium

NAMES = ["alpha", "bravo", "charlie", "delta"]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return init_consortium(tmp_path_factory.mktemp("trials") / "trial", hospitals=NAMES, now=time.time())


def test_everything_fits_together(trial: Trial) -> None:
    consortium = load_consortium(trial.directory / "consortium.json")
    assert consortium == trial.consortium
    assert [member.name for member in consortium.members] == NAMES
    hub = load_hub_config(trial.hub_config)
    trust = load_trust(hub.trust)
    assert trust.consortium == consortium
    assert trust.chain == trial.chain
    assert load_consortium(hub.consortium) == consortium
    assert (hub.chain.chain_id, hub.chain.contract) == (trial.chain.chain_id, trial.chain.contract)
    load_account_key(hub.chain.deployer, trial.deployer)
    tls.server_credentials(load_tls(hub.relay.certificate, hub.relay.key), load_certificate(hub.relay.authority))
    for member in consortium.members:
        node = load_node_config(trial.node_config(member.name))
        assert node.member == member.index
        assert load_consortium(node.consortium) == consortium
        assert (node.chain.chain_id, node.chain.contract) == (trial.chain.chain_id, trial.chain.contract)
        load_signing_key(node.keys.signing, member)
        load_account_key(node.keys.account, member.address)
        issued = load_tls(node.hub.certificate, node.hub.key)
        tls.channel_credentials(issued, load_certificate(node.hub.authority))
        properties = {"ssl_tls_version": [b"TLSv1.3"], "x509_pem_cert": [issued.certificate]}
        assert tls.peer_member(properties, consortium) == member.index
        assert node.hub.address == hub.relay.listen
        assert node.chain.rpc == f"http://{hub.http.listen}/chain/rpc"


def test_no_key_is_made_twice_and_the_authority_is_gone(trial: Trial) -> None:
    secrets = [path.read_bytes() for path in trial.directory.rglob("*.key")]
    secrets += [path.read_bytes() for path in trial.directory.rglob("signing.pem")]
    assert len(secrets) == len(set(secrets)) == 1 + 1 + 3 * len(NAMES)
    assert not list(trial.directory.rglob("authority.key"))


def test_the_policy_denies_by_default(trial: Trial) -> None:
    policy = load_policy(load_node_config(trial.node_config("alpha")).policy.file)
    assert policy.allow == ()


def test_the_policy_example_is_a_policy(trial: Trial) -> None:
    path = load_node_config(trial.node_config("alpha")).policy.file
    lines = path.read_text().splitlines()
    start = lines.index("# [[allow]]")
    example = "\n".join(line.removeprefix("# ") for line in lines[start : start + 7])
    copy = path.with_name("example.toml")
    copy.write_text(example)
    assert len(load_policy(copy).allow) == 1


def test_the_readme_says_what_a_real_consortium_does(trial: Trial) -> None:
    text = (trial.directory / "README.txt").read_text()
    assert trial.consortium.digest in text
    assert "What a real consortium does instead" in text


def test_the_contract_comes_where_it_was_announced(tmp_path: Path) -> None:
    account = Account.create()
    deployer = account.address.lower()
    chain = EmbeddedChain(tmp_path / "journal", funded=[deployer], clock=time.time)
    engine = create_engine(f"sqlite:///{tmp_path / 'outbox.db'}")
    create_tables(engine)
    client = ChainClient(EmbeddedProvider(chain), chain.chain_id)
    publisher = Publisher(
        client, bytes(account.key), SqlTransactionStore(engine), None, clock=time.monotonic, sleep=time.sleep
    )
    code = bytes.fromhex("600160005360016000f3")  # returns one byte of code
    publisher.submit("deploy", lambda: Call(to=None, data=code))
    assert client.code(contract_address(deployer)) == b"\x01"
    chain.close()
    engine.dispose()


def test_the_address_of_a_known_deployment() -> None:
    """The widely quoted example (ethereum.stackexchange.com/questions/760)."""
    assert contract_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0") == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"


def test_an_existing_directory_is_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "trial"
    kept.mkdir()
    with pytest.raises(TrialExists):
        init_consortium(kept, hospitals=NAMES, now=0)
    assert list(kept.iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TrialExists):
        init_consortium(tmp_path / "link", hospitals=NAMES, now=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"hospitals": ["alpha", "bravo"]},
        {"hospitals": ["alpha", "alpha", "bravo"]},
        {"hospitals": ["Alpha", "bravo", "charlie"]},
        {"hospitals": ["../x", "bravo", "charlie"]},
        {"threshold": 0},
        {"threshold": 2},
        {"name": "a/b"},
        {"hub_host": 'x"\n[y]'},
        {"hub_host": ""},
        {"chain_rpc": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_a_trial_that_cannot_be_leaves_nothing(tmp_path: Path, changes: dict[str, object]) -> None:
    arguments = {"hospitals": NAMES, "now": time.time(), **changes}
    with pytest.raises(ConfigInvalid):
        init_consortium(tmp_path / "trial", **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_chain_of_ones_own(tmp_path: Path) -> None:
    trial = init_consortium(
        tmp_path / "trial", hospitals=NAMES, now=0, chain_rpc="https://chain.example/key", chain_id=1, hub_host="hub.example"
    )
    hub = load_hub_config(trial.hub_config)
    assert (hub.chain.rpc, hub.chain.embedded) == ("https://chain.example/key", None)
    assert load_node_config(trial.node_config("alpha")).chain.rpc == "https://chain.example/key"
    assert trial.deployer in (trial.directory / "README.txt").read_text()


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("member = 1", 'member = "1"', "member"),
        ("member = 1", "member = 0", "member"),
        ("member = 1", "", "member"),
        ("member = 1", "member = 1\nextra = 1", "extra"),
        ('address = "127.0.0.1:7443"', 'address = "127.0.0.1"', "hub.address"),
        ("chain_id = 19011", "chain_id = -1", "chain.chain_id"),
        ("sqlite:///state/node.db", "nonsense", "storage.database"),
        ("/chain/rpc", "/chain rpc\\u0000", "chain.rpc"),
        ("http://", "ftp://", "chain.rpc"),
        ('signing = "keys/signing.pem"', "signing = 3", "keys.signing"),
        ('signing = "keys/signing.pem"', 'signing = "a\\u0000b"', "keys.signing"),
        ('level = "info"', 'level = "loud"', "log.level"),
        ("[keys]", "[keys", ""),
    ],
)
def test_a_wrong_key_is_named(trial: Trial, tmp_path: Path, old: str, new: str, where: str) -> None:
    text = trial.node_config("alpha").read_text()
    assert old in text
    path = tmp_path / "node.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigInvalid) as error:
        load_node_config(path)
    assert error.value.where == str(path)
    assert where in error.value.message


def test_missing_and_oversized_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="No such file"):
        load_node_config(tmp_path / "node.toml")
    (tmp_path / "node.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigInvalid, match="longer"):
        load_node_config(tmp_path / "node.toml")
    (tmp_path / "consortium.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(ConfigInvalid):
        load_consortium(tmp_path / "consortium.json")


@given(data=st.binary(max_size=200))
def test_no_bytes_make_another_error(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("config") / "hub.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigInvalid):
        load_hub_config(path)
