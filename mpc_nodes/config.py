"""`node.toml` and `hub.toml`: strict, paths relative to the file, secrets private. Keys: docs/spec/07-transport.md.

Loading reads no secret key; `load_signing_key` and its sisters do, and refuse a file that others can read.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from pydantic import AnyHttpUrl, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from mpc_nodes.secret_files import check_private
from mpc_nodes.tls import Issued
from mpc_nodes.transport_errors import ConfigInvalid, SecretInvalid
from protocol.consortium import Consortium, Member
from protocol.document import describe
from protocol.errors import MalformedInput
from protocol.identifiers import Address, Hex32
from protocol.parameters import MAX_MEMBERS

MAX_CONFIG_BYTES: Final = 1 << 20
_MAX_PEM_BYTES: Final = 64 << 10
_URL: Final = TypeAdapter(AnyHttpUrl)
_HEX_KEY: Final = re.compile(rb"[0-9a-f]{64}\n?")

HostPort = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]{1,253}):[0-9]{1,5}$")]


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value or any(ord(character) < 32 for character in value):
        raise ValueError("not the name of a file")
    return Path(value)


FileName = Annotated[Path, BeforeValidator(_path)]
ChainUrl = Annotated[str, Field(pattern=r"^https?://[!-~]{1,2000}$")]
Level = Literal["debug", "info", "warning", "error"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NodeKeyFiles(_Section):
    """Files of secret keys."""

    signing: FileName  # Ed25519, PKCS8 in PEM
    account: FileName  # secp256k1, 64 hexadecimal digits: signs attestations and pays on chain


class HubConnection(_Section):
    """How the node reaches the hub."""

    address: HostPort
    authority: FileName  # who certifies the hub, PEM
    certificate: FileName  # of this node, PEM
    key: FileName


class NodeChain(_Section):
    """The chain as this node sees it."""

    rpc: ChainUrl
    chain_id: Annotated[int, Field(ge=1)]
    contract: Address
    confirmations: Annotated[int, Field(ge=1, le=1000)] = 1


class NodeStorage(_Section):
    """Where the node keeps what it must not lose."""

    database: str
    directory: FileName  # snapshots of tables, lock and ready files


class NodeSources(_Section):
    """Below which directory tables may be read."""

    root: FileName


class NodePolicy(_Section):
    """The hospital's rules."""

    file: FileName


class NodeCompute(_Section):
    """How much of the machine proofs and their verification may take."""

    threads: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=lambda: os.cpu_count() or 1)


class Log(_Section):
    """How much is told."""

    level: Level = "info"


class NodeFile(_Section):
    """The members of `node.toml`, paths made absolute."""

    consortium: FileName
    member: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    keys: NodeKeyFiles
    hub: HubConnection
    chain: NodeChain
    storage: NodeStorage
    sources: NodeSources
    policy: NodePolicy
    compute: NodeCompute = Field(default_factory=NodeCompute)
    log: Log = Log()


class Relay(_Section):
    """The port that nodes dial."""

    listen: HostPort
    certificate: FileName
    key: FileName
    authority: FileName  # who certifies nodes, PEM
    revoked: list[Hex32] = Field(default_factory=list)  # SHA-256 of the DER encoding of certificates


class Http(_Section):
    """The port of the HTTP interface."""

    listen: HostPort


class HubChain(_Section):
    """The chain: one of `embedded`, the journal of the chain inside the hub, and `rpc`, the URL of another."""

    chain_id: Annotated[int, Field(ge=1)]
    contract: Address
    deployer: FileName  # secp256k1, 64 hexadecimal digits: deploys the contract with nonce 0 and pays for attestations
    embedded: FileName | None = None
    rpc: ChainUrl | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.embedded is None) == (self.rpc is None):
            raise ValueError("give either embedded or rpc")
        return self


class HubStorage(_Section):
    """Where the hub keeps what it must not lose."""

    database: str
    directory: FileName


class HubFile(_Section):
    """The members of `hub.toml`, paths made absolute. `api` belongs to the HTTP interface, which checks it."""

    consortium: FileName
    trust: FileName
    relay: Relay
    http: Http
    chain: HubChain
    storage: HubStorage
    api: dict[str, Any] = Field(default_factory=dict)
    log: Log = Log()


F = TypeVar("F", NodeFile, HubFile)

_NODE_PATHS: Final = (
    "consortium",
    "keys.signing",
    "keys.account",
    "hub.authority",
    "hub.certificate",
    "hub.key",
    "storage.directory",
    "sources.root",
    "policy.file",
)
_HUB_PATHS: Final = (
    "consortium",
    "trust",
    "relay.certificate",
    "relay.key",
    "relay.authority",
    "chain.deployer",
    "chain.embedded",
    "storage.directory",
)


def load_node_config(path: Path) -> NodeFile:
    """Read a `node.toml`. Raises ConfigInvalid with file and key, SecretExposed if it holds a password and others see it."""
    return _load(path, NodeFile, _NODE_PATHS)


def load_hub_config(path: Path) -> HubFile:
    """Read a `hub.toml`. Raises as `load_node_config`."""
    return _load(path, HubFile, _HUB_PATHS)


def load_consortium(path: Path) -> Consortium:
    """Read a `consortium.json`. Raises ConfigInvalid."""
    try:
        return Consortium.from_bytes(_read(path, MAX_CONFIG_BYTES), limit=MAX_CONFIG_BYTES)
    except MalformedInput as error:
        raise ConfigInvalid(f"not a consortium: {error.message}", where=str(path)) from error


def load_signing_key(path: Path, member: Member) -> Ed25519PrivateKey:
    """The Ed25519 key of `member`. Raises SecretExposed, SecretInvalid."""
    try:
        key = serialization.load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError):
        raise SecretInvalid("not an unencrypted private key in PEM", where=str(path)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretInvalid("not an Ed25519 key", where=str(path))
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    if public.hex() != member.signing_key:
        raise SecretInvalid(f"not the signing key of {member.name} in the consortium file", where=str(path))
    return key


def load_account_key(path: Path, account: str | None = None) -> bytes:
    """A secp256k1 key, 32 bytes, which must be that of `account` if one is given. Raises SecretExposed, SecretInvalid."""
    data = _read_private(path)
    if not _HEX_KEY.fullmatch(data):
        raise SecretInvalid("not a secp256k1 key of 64 hexadecimal digits", where=str(path))
    key = bytes.fromhex(data.decode())
    try:
        found = str(Account.from_key(key).address).lower()
    except ValueError:
        raise SecretInvalid("not a secp256k1 key", where=str(path)) from None
    if account is not None and found != account:
        raise SecretInvalid(f"not the key of the account {account}", where=str(path))
    return key


def load_tls(certificate: Path, key: Path) -> Issued:
    """A TLS certificate and its private key. Raises ConfigInvalid, SecretExposed, SecretInvalid."""
    return Issued(_read(certificate, _MAX_PEM_BYTES), _read_private(key))


def load_certificate(path: Path) -> bytes:
    """A certificate, PEM. Raises ConfigInvalid."""
    return _read(path, _MAX_PEM_BYTES)


def _load(path: Path, model: type[F], paths: tuple[str, ...]) -> F:
    try:
        members = tomllib.loads(_read(path, MAX_CONFIG_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid("not a TOML document in UTF-8", where=str(path)) from error
    base = path.resolve().parent
    for name in paths:
        _make_absolute(members, name.split("."), base)
    try:
        config = model.model_validate(members)
    except ValidationError as error:
        raise ConfigInvalid(describe(error), where=str(path)) from None
    rpc = config.chain.rpc
    if rpc is not None:
        _check_url(rpc, path)
    url, secret = _database_url(config.storage.database, base, path)
    if secret:
        check_private(path)
    return config.model_copy(update={"storage": config.storage.model_copy(update={"database": url})})


def _make_absolute(members: Any, name: list[str], base: Path) -> None:
    # What has a wrong type is left for the validation to report.
    for part in name[:-1]:
        members = members.get(part) if isinstance(members, dict) else None
    if isinstance(members, dict) and isinstance(members.get(name[-1]), str):
        members[name[-1]] = str(base / members[name[-1]])


def _check_url(url: str, path: Path) -> None:
    try:
        parsed = _URL.validate_python(url)
    except ValidationError:
        raise ConfigInvalid("chain.rpc: not an HTTP URL", where=str(path)) from None
    if parsed.password is not None:
        check_private(path)


def _database_url(text: str, base: Path, path: Path) -> tuple[str, bool]:
    """The URL with an absolute path, and whether it holds a password."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigInvalid("storage.database: not a database URL", where=str(path)) from None
    if url.drivername.startswith("sqlite") and url.database:
        url = url.set(database=str(base / url.database))
    return url.render_as_string(hide_password=False), url.password is not None


def _read_private(path: Path) -> bytes:
    check_private(path)
    return _read(path, _MAX_PEM_BYTES)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ConfigInvalid(f"cannot read the file: {error.strerror}", where=str(path)) from error
    if len(data) > limit:
        raise ConfigInvalid(f"the file is longer than {limit} bytes", where=str(path))
    return data
