"""What a buyer gets: a table, and the attestation that it comes from. Both only after verification."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestation.evidence import evidence_pieces
from attestation.sign import statement_digest
from attestation.verify import VerifiedAttestation
from circuits.columns import Value
from circuits.result import Cell
from proofward.client_errors import ExtraMissing
from protocol.statement import Assurance, Statement

if TYPE_CHECKING:
    import pandas


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
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self.attestation.verified.result.columns)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows. Decimals are exact; None is SQL's NULL or a withheld value."""
        return self.attestation.verified.result.rows

    @property
    def suppressed(self) -> tuple[tuple[Value | None, ...], ...]:
        """Keys of groups that are left out because too few patients, perhaps none, are behind them."""
        return self.attestation.verified.result.suppressed

    @property
    def withheld(self) -> tuple[tuple[tuple[Value | None, ...], str], ...]:
        """(group key, column) of single values that are left out for the same reason."""
        return self.attestation.verified.result.withheld

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
            "result": self.attestation.verified.result.to_dict(),
            "hospitals": list(self.hospitals),
            "left_out": dict(self.left_out),
            "assurance": self.attestation.assurance.model_dump(),
        }

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a data frame; decimals stay exact. Raises ExtraMissing if pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ExtraMissing("pandas is not installed", hint="pip install 'proofward[pandas]'") from None
        return pandas.DataFrame.from_records(list(self.rows), columns=list(self.columns))

    @property
    def _summary(self) -> str:
        assurance, signers = self.attestation.assurance, len(self.attestation.verified.signers)
        left_out = "".join(f"; without {name} ({reason})" for name, reason in self.left_out.items())
        suppressed = f"; {len(self.suppressed)} groups suppressed" if self.suppressed else ""
        return (
            f"verified: total {assurance.aggregate}, contributions {assurance.contribution}, datasets {assurance.dataset}, "
            f"noise {assurance.noise}; {len(self.hospitals)} hospitals, {signers} signatures{left_out}{suppressed}"
        )

    def __repr__(self) -> str:
        lines = [[_text(cell) for cell in line] for line in (self.columns, *self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        padded = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([padded[0], "-" * len(padded[0]), *padded[1:], self._summary])

    def _repr_html_(self) -> str:
        # Names and categories are the hospitals' words, and a notebook runs scripts: everything is escaped.
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p><small>{html.escape(self._summary)}</small></p>"
        )


def _text(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
