"""What a hospital writes about where its rows are. Nothing in it is ever pasted into SQL or into a connection string.

Specification: `docs/spec/02-tables-schema.md`, "Sources".
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mpc_nodes.data_errors import DataConfigInvalid

DEFAULT_MAX_ROWS: Final = 1 << 27

# The name of a column as the file or the database spells it.
SourceColumn = Annotated[str, Field(min_length=1, max_length=256)]
DatabaseName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Config(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    columns: dict[str, SourceColumn] = Field(default_factory=dict)  # schema name to source name, where they differ
    max_rows: Annotated[int, Field(ge=1, le=1 << 34)] = DEFAULT_MAX_ROWS

    def source_name(self, column: str) -> str:
        """What the source calls this column of the schema."""
        return self.columns.get(column, column)


class FileConfig(_Config):
    """A CSV or Parquet file below the data directory of the node."""

    kind: Literal["csv", "parquet"]
    path: Annotated[str, Field(min_length=1, max_length=4096)]
    delimiter: Literal[",", ";", "\t", "|"] = ","  # of CSV


class PostgresConfig(_Config):
    """A PostgreSQL table or view, read by a role that needs no more than SELECT on it.

    The password comes from a file of mode 0600, so that it is in no configuration, environment or process list.
    """

    kind: Literal["postgresql"]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,255}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: DatabaseName
    user: DatabaseName
    password_file: str | None = None
    sslmode: Literal["verify-full", "verify-ca", "local-socket"] = "verify-full"
    sslrootcert: str | None = None
    namespace: DatabaseName = "public"
    table: DatabaseName
    statement_timeout_s: Annotated[int, Field(ge=1, le=86_400)] = 3_600
    connect_timeout_s: Annotated[int, Field(ge=2, le=120)] = 10


SourceConfig = FileConfig | PostgresConfig

_ADAPTER: Final[TypeAdapter[SourceConfig]] = TypeAdapter(Annotated[SourceConfig, Field(discriminator="kind")])


def parse_source_config(members: dict[str, Any]) -> SourceConfig:
    """The configuration in these members (of a TOML table). Raises DataConfigInvalid with the key that is wrong."""
    try:
        config = _ADAPTER.validate_python(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"][1:]) or "source"
        raise DataConfigInvalid(first["msg"], where=key) from error
    if isinstance(config, PostgresConfig) and (config.sslmode == "local-socket") != config.host.startswith("/"):
        raise DataConfigInvalid(
            "a connection without TLS is only made to a local socket",
            hint='give the directory of the socket as host with sslmode = "local-socket", or else verify-full',
            where="sslmode",
        )
    return config


def resolve_inside(root: Path, path: str) -> Path:
    """The regular file that `path` names below `root`, with every symbolic link followed.

    Raises:
        DataConfigInvalid: it is outside `root`, is no regular file, or has a name that a reader could take for a
        pattern or an address.
    """
    if any(character in path for character in "\x00*?[]{}") or any(ord(c) < 32 for c in path) or "://" in path:
        raise DataConfigInvalid("the path contains a character that is not accepted", where="path")
    try:
        base = root.resolve(strict=True)
        resolved = (base / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataConfigInvalid("there is no such file", hint=f"paths are relative to {root}", where="path") from error
    if not resolved.is_relative_to(base):
        raise DataConfigInvalid("the path leads out of the data directory", where="path")
    if not resolved.is_file():
        raise DataConfigInvalid("the path is not a regular file", where="path")
    if any(character in str(resolved) for character in "*?[]{}"):
        raise DataConfigInvalid("the path contains a character that is not accepted", where="path")
    return resolved
