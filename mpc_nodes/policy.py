"""`policy.toml`: what a hospital allows. Deny by default: what no `[[allow]]` rule names is refused.

Specification: docs/spec/06-rounds.md, "The policy".
"""

import tomllib
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from circuits.catalogue import NAMES
from mpc_nodes.errors import PolicyInvalid
from protocol.document import describe
from protocol.identifiers import Name
from protocol.parameters import MAX_CELLS, MAX_MEMBERS
from protocol.query import Publication

MAX_POLICY_BYTES: Final = 1 << 20
EVERY: Final = "*"

ColumnName = Annotated[str, Field(pattern=r"^(\*|[A-Za-z_][A-Za-z0-9_]{0,62})$")]


def _known(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"no aggregate or analysis of this name; there are {', '.join(NAMES)}")
    return name


Aggregate = Annotated[str, AfterValidator(_known)]


class _Table(BaseModel):
    # TOML arrays become tuples, hence not `strict`; each element is still checked by a pattern or a list of literals.
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Table):
    """One `[[allow]]` block. An offer is allowed if a single block allows all of it."""

    buyers: Annotated[tuple[Name, ...], Field(min_length=1)]
    purposes: Annotated[tuple[Name, ...], Field(min_length=1)]
    datasets: Annotated[tuple[Name, ...], Field(min_length=1)]
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    aggregates: Annotated[tuple[Aggregate, ...], Field(min_length=1)]
    publication: Annotated[tuple[Publication, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _star_stands_alone(self) -> Self:
        if EVERY in self.columns and len(self.columns) > 1:
            raise ValueError('columns: "*" already allows every column; name columns or "*", not both')
        return self

    def allows_columns(self, columns: frozenset[str]) -> bool:
        """Whether every one of `columns`, spelled as in the schema, may be read."""
        return EVERY in self.columns or columns <= set(self.columns)


class Limits(_Table):
    """Bounds on every query, whatever rule allows it."""

    # A result cell that fewer people than this stand behind is suppressed.
    minimum_cohort: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 10
    # With one other hospital in the sum, that hospital learns this one's part by subtraction; hence three.
    minimum_hospitals: Annotated[int, Field(strict=True, ge=2, le=MAX_MEMBERS)] = 3
    max_cells: Annotated[int, Field(strict=True, ge=1, le=MAX_CELLS)] = MAX_CELLS
    queries_per_day: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 100  # of one buyer, in any 24 hours


class Policy(_Table):
    """The whole file. Without rules it refuses everything."""

    allow: tuple[Rule, ...] = ()
    limits: Limits = Field(default_factory=Limits)


def parse_policy(text: str) -> Policy:
    """Parse the text of a `policy.toml`. Raises PolicyInvalid; the message starts with the key that is wrong."""
    try:
        members = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid("not a TOML document") from error
    try:
        return Policy.model_validate(members)
    except ValidationError as error:
        raise PolicyInvalid(describe(error)) from None


def load_policy(path: Path) -> Policy:
    """Read a `policy.toml`. Raises PolicyInvalid with the file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_BYTES + 1)
        if len(data) > MAX_POLICY_BYTES:
            raise PolicyInvalid(f"the policy is longer than {MAX_POLICY_BYTES} bytes", where=str(path))
        return parse_policy(data.decode("utf-8"))
    except OSError as error:
        raise PolicyInvalid(f"cannot read the policy: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise PolicyInvalid("the policy is not UTF-8", where=str(path)) from error
    except PolicyInvalid as error:
        if error.where is not None:
            raise
        raise PolicyInvalid(error.message, where=str(path)) from error
