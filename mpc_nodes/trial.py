"""A trial consortium: all keys of all members made in one place, which no real consortium does (see README_TEXT)."""

import ipaddress
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rlp  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from pydantic import ValidationError

import prover
from attestation.embedded_chain import DEFAULT_CHAIN_ID
from attestation.trust import render_trust, trust_in
from mpc_nodes import trial_files
from mpc_nodes.config import load_hub_config, load_node_config
from mpc_nodes.secret_files import fsync_directory, write_secret
from mpc_nodes.tls import CertificateAuthority, Issued
from mpc_nodes.transport_errors import ConfigInvalid, TrialExists
from protocol.consortium import Consortium, Member
from protocol.document import describe
from protocol.statement import ChainAnchor

DEFAULT_HUB_PORT: Final = 7443
DEFAULT_API_PORT: Final = 8080


@dataclass(frozen=True)
class Trial:
    """Where everything is."""

    directory: Path
    consortium: Consortium
    chain: ChainAnchor
    deployer: str  # account; on a chain that is not embedded it must be funded before the hub starts

    @property
    def hub_config(self) -> Path:
        """`hub.toml`."""
        return self.directory / "hub" / "hub.toml"

    @property
    def trust(self) -> Path:
        """`trust.toml`, for auditors and buyers."""
        return self.directory / "trust.toml"

    def node_config(self, name: str) -> Path:
        """`node.toml` of a hospital."""
        return self.directory / "nodes" / name / "node.toml"


def contract_address(deployer: str) -> str:
    """Where the first transaction of `deployer` puts a contract: keccak256(rlp([deployer, 0])), last 20 bytes."""
    digest: bytes = keccak(rlp.encode([to_canonical_address(deployer), 0]))
    return "0x" + digest[-20:].hex()


def init_consortium(
    directory: Path,
    *,
    hospitals: Sequence[str],
    now: float,
    threshold: int = 1,
    name: str = "trial",
    hub_host: str = "127.0.0.1",
    hub_port: int = DEFAULT_HUB_PORT,
    api_port: int = DEFAULT_API_PORT,
    chain_rpc: str | None = None,
    chain_id: int = DEFAULT_CHAIN_ID,
) -> Trial:
    """Make keys, certificates and configuration of hub and nodes in `directory`, which must not exist.

    Args:
        hospitals: names of the members, in order of index 1..n.
        now: Unix seconds, from which certificates are valid.
        hub_host: name or address under which nodes reach the hub.
        chain_rpc: URL of an EVM chain; None for the chain embedded in the hub.

    Raises:
        TrialExists: the directory exists.
        ConfigInvalid: a name, the threshold or the directory cannot be used.
    """
    if os.path.lexists(directory):
        raise TrialExists("the directory exists already, and keys are never overwritten", where=str(directory))
    signing = [Ed25519PrivateKey.generate() for _ in hospitals]
    accounts = [_new_account() for _ in hospitals]
    deployer_key, deployer = _new_account()
    consortium = _consortium(name, threshold, hospitals, signing, [account for _, account in accounts])
    chain = ChainAnchor(chain_id=chain_id, contract=contract_address(deployer))
    authority = CertificateAuthority(name, now)
    text = trial_files.Texts(consortium, chain, deployer, hub_host, hub_port, api_port, chain_rpc)
    draft = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    try:
        draft.mkdir(mode=0o700, parents=True)
        _write(draft / "consortium.json", consortium.encoded)
        _write(draft / "trust.toml", render_trust(trust_in(consortium, chain, prover.generator_digest())))
        _write(draft / "README.txt", text.readme())
        hub = _directory(draft / "hub", "keys", "tls", "state")
        _write(hub / "hub.toml", text.hub())
        write_secret(hub / "keys" / "deployer.key", deployer_key.hex().encode() + b"\n")
        _write_tls(hub / "tls", "hub", authority.issue_hub(_hub_names(hub_host)), authority)
        for member, signing_key, (account_key, _) in zip(consortium.members, signing, accounts, strict=True):
            node = _directory(draft / "nodes" / member.name, "keys", "tls", "state", "tables")
            _write(node / "node.toml", text.node(member.index))
            _write(node / "policy.toml", trial_files.POLICY)
            _write(node / "consortium.json", consortium.encoded)
            write_secret(node / "keys" / "signing.pem", _pem(signing_key))
            write_secret(node / "keys" / "account.key", account_key.hex().encode() + b"\n")
            _write_tls(node / "tls", "node", authority.issue_node(member.index), authority)
        load_hub_config(hub / "hub.toml")  # a host or URL that breaks a file is found now
        load_node_config(node / "node.toml")
        draft.rename(directory)
        fsync_directory(directory.absolute().parent)
    except OSError as error:
        raise ConfigInvalid(f"cannot write the trial: {error.strerror}", where=str(directory)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Trial(directory, consortium, chain, deployer)


def _consortium(
    name: str, threshold: int, hospitals: Sequence[str], signing: Sequence[Ed25519PrivateKey], accounts: Sequence[str]
) -> Consortium:
    try:
        members = tuple(
            Member(index=index, name=hospital, address=account, signing_key=_public(key))
            for index, (hospital, key, account) in enumerate(zip(hospitals, signing, accounts, strict=True), start=1)
        )
        return Consortium(name=name, threshold=threshold, members=members)
    except ValidationError as error:
        hint = "names are of a-z, 0-9, _ and -; n members need n >= 2t+1 and n >= 3"
        raise ConfigInvalid(f"not a consortium: {describe(error)}", hint=hint) from None


def _new_account() -> tuple[bytes, str]:
    """A fresh secp256k1 key and its account."""
    while True:
        key = secrets.token_bytes(32)
        try:
            return key, str(Account.from_key(key).address).lower()
        except ValueError:  # zero or above the group order: once in 2^128
            continue


def _hub_names(host: str) -> list[str]:
    names = [host, "localhost", "127.0.0.1"] if _is_loopback(host) else [host]
    return list(dict.fromkeys(names))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _directory(path: Path, *children: str) -> Path:
    for child in children:
        (path / child).mkdir(mode=0o700, parents=True)
    for each in (path.parent, path):
        each.chmod(0o700)
    return path


def _write_tls(directory: Path, name: str, issued: Issued, authority: CertificateAuthority) -> None:
    _write(directory / "authority.pem", authority.certificate)
    _write(directory / f"{name}.pem", issued.certificate)
    write_secret(directory / f"{name}.key", issued.key)


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
