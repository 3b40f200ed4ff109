"""What a buyer gets: a table, and the attestation that it comes from. Both only after verification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestation.bundle import MAX_BUNDLE_BYTES, Bundle
from attestation.evidence import evidence_pieces
from attestation.sign import statement_digest
from attestation.verify import VerifiedAttestation
from circuits.columns import Value
from circuits.registered_schema import read_schema
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.sql import parse
from proofward import notebook, summary
from proofward.answered import Answered
from proofward.client_errors import ExtraMissing
from protocol.statement import Assurance, Statement

if TYPE_CHECKING:
    import pandas
    from altair.typing import ChartType


@dataclass(frozen=True)
class Attestation:
    """A verified attestation with the bytes that it was made from: the bundle, and dataset packages by root."""

    verified: VerifiedAttestation
    bundle: bytes = field(repr=False)
    datasets: Mapping[str, bytes] = field(repr=False)

    @property
    def id(self) -> str:
        """The digest under which the chain knows the statement, hexadecimal."""
        return statement_digest(self.verified.statement).hex()

    @property
    def statement(self) -> Statement:
        """What was attested."""
        return self.verified.statement

    @property
    def assurance(self) -> Assurance:
        """How far each part can be checked: `proven`, `signed` or `none`."""
        return self.verified.assurance

    @property
    def transaction(self) -> str | None:
        """Hash of the transaction that posted it, as the bundle has it. Only the chain can confirm it."""
        record = self.verified.record
        return None if record is None else record.attestation.hash

    def save(self, path: str | Path) -> Path:
        """Write the evidence file to `path`, for `proofward audit`: bundle and packages, a ZIP archive."""
        target = Path(path)
        with target.open("wb") as file:
            for piece in evidence_pieces(self.bundle, sorted(self.datasets.items())):
                file.write(piece)
        return target


@dataclass(frozen=True, repr=False)
class Result:
    """The finished statistics of one query, computed on this machine from the cells of its verified attestation."""

    query_id: str
    attestation: Attestation

    @property
    def table(self) -> ResultTable:
        """The main table, with the further ones in it."""
        return self.attestation.verified.result

    @property
    def kind(self) -> str:
        """`table` for the aggregates of a SELECT list, else that of the analysis."""
        return self.table.kind

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self.table.columns)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows. Decimals are exact; None is SQL's NULL or a withheld value."""
        return self.table.rows

    @property
    def tables(self) -> Mapping[str, ResultTable]:
        """Further tables of an analysis, by name."""
        return dict(self.table.tables)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, in words; why there are no numbers, if there are none."""
        return self.table.notes

    @property
    def suppressed(self) -> tuple[tuple[Value | None, ...], ...]:
        """Keys of groups that are left out because too few patients, perhaps none, are behind them."""
        return self.table.suppressed

    @property
    def withheld(self) -> tuple[tuple[tuple[Value | None, ...], str], ...]:
        """(group key, column) of single values that are left out for the same reason."""
        return self.table.withheld

    @cached_property
    def schema(self) -> Schema:
        """The schema that every hospital's table is proven to obey."""
        registrations = Bundle.from_bytes(self.attestation.bundle, limit=MAX_BUNDLE_BYTES).registrations
        return read_schema(registrations[0].registration.table_schema)

    @cached_property
    def hospitals(self) -> tuple[str, ...]:
        """Names of the hospitals whose tables are in the answer."""
        return tuple(member.name for member in self.attestation.verified.participants)

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Hospitals that are not in the answer, by name, with the code of the reason."""
        consortium = self.attestation.verified.consortium
        entries = self.attestation.statement.predicate.left_out
        return {consortium.member(entry.hospital).name: entry.reason for entry in entries}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members, as the service gives them."""
        return {
            "query_id": self.query_id,
            "attestation": self.attestation.id,
            "result": self.table.to_dict(),
            "hospitals": list(self.hospitals),
            "left_out": dict(self.left_out),
            "assurance": self.attestation.assurance.model_dump(),
        }

    def to_pandas(self, table: str | None = None) -> "pandas.DataFrame":
        """The main table, or a further one, as a data frame; decimals stay exact.

        Args:
            table: the name of a further table.

        Raises:
            KeyError: there is no table of this name.
            ExtraMissing: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ExtraMissing("pandas is not installed", hint="pip install 'proofward[pandas]'") from None
        found = self.table if table is None else self.table.named(table)
        return pandas.DataFrame.from_records(list(found.rows), columns=[name for name, _ in found.columns])

    def plot(self) -> "ChartType":
        """A chart of the kind that statisticians draw of such a result, to show, change or save.

        Raises:
            NothingToPlot: there are no numbers, or there is no chart for a table of this shape.
            ExtraMissing: Altair is not installed.
        """
        try:
            from proofward.plots import chart
        except ModuleNotFoundError as error:
            if error.name != "altair":
                raise
            raise ExtraMissing("Altair is not installed", hint="pip install 'proofward[plot]'") from None
        return chart(self._answered)

    def summary(self) -> str:
        """All of it as text: tables, notes, of whom, and how far it is proven. For `print`."""
        assurance, minimum = self.attestation.assurance, self.attestation.statement.predicate.minimum_cohort
        circumstances = [
            ("Hospitals", ", ".join(self.hospitals)),
            *(("Left out", f"{name} ({reason})") for name, reason in self.left_out.items()),
            ("Minimum cohort", str(minimum)),
            ("Verified", ", ".join(f"{part} {level}" for part, level in _levels(assurance))),
            ("Query", self.query_id),
        ]
        return summary.summary(self._answered, circumstances)

    @cached_property
    def _answered(self) -> Answered:
        return Answered(self.table, parse(self.attestation.statement.predicate.offer.sql, self.schema), self.schema)

    @property
    def _verdict(self) -> str:
        left_out = "".join(f"; without {name} ({reason})" for name, reason in self.left_out.items())
        suppressed = f"; {len(self.suppressed)} groups suppressed" if self.suppressed else ""
        return (
            f"verified: {', '.join(f'{part} {level}' for part, level in _levels(self.attestation.assurance))}; "
            f"{len(self.hospitals)} hospitals, {len(self.attestation.verified.signers)} signatures{left_out}{suppressed}"
        )

    def __repr__(self) -> str:
        text: list[str] = []
        for name, table in summary.tables_of(self.table):
            lines = summary.lines_of(table, self.table)
            text += [*([f"{name}:"] if name else []), lines[0], "-" * max(map(len, lines)), *lines[1:], ""]
        return "\n".join([*text[:-1], *summary.notes(self.table), self._verdict])

    def _repr_html_(self) -> str:
        return notebook.markup(self.table, self._verdict)


def _levels(assurance: Assurance) -> list[tuple[str, str]]:
    return [
        ("total", assurance.aggregate),
        ("contributions", assurance.contribution),
        ("datasets", assurance.dataset),
        ("noise", assurance.noise),
    ]
