"""What the demonstration shows while it runs. In JSON mode all of it goes to standard error."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proofward.demo_answers import Comparison, Question

_MISSING: Final = "unknown"


class Show:
    """Progress and tables for a person."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._console = Console(stderr=to_stderr, highlight=False)

    @contextlib.contextmanager
    def phase(self, what: str) -> Iterator[None]:
        """One phase: a spinner while it runs on a terminal, and a line with its time when it has ended well."""
        started = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(escape(what)):
                yield
        else:
            self._console.print(f"   {escape(what)} ...", soft_wrap=True)
            yield
        self._console.print(f"[green]ok[/] {escape(what)} [dim]({time.monotonic() - started:.1f} s)[/]", soft_wrap=True)

    def note(self, text: str) -> None:
        """One line of detail."""
        self._console.print(f"   {escape(text)}", soft_wrap=True)

    def comparison(self, question: Question, comparison: Comparison) -> None:
        """The verified answer next to the pooled one, and whether they are equal."""
        self._console.print(f"   [dim]{escape(question.sql)}[/]", soft_wrap=True)
        tables = [
            _table(title, question, comparison.columns, rows)
            for title, rows in (("verified, from Proofward", comparison.verified), ("pooled, from DuckDB", comparison.pooled))
        ]
        self._console.print(Columns(tables, padding=(0, 3)))
        if comparison.suppressed:
            groups = "group has" if comparison.suppressed == 1 else "groups have"
            self.note(f"{comparison.suppressed} {groups} too few people to be shown; the rest is proven all the same")
        self._console.print("   [green]equal[/]" if comparison.equal else "   [bold red]DIFFERENT[/]")

    def staying(self, url: str, directory: Path) -> None:
        """How to use what keeps running."""
        self._console.print("everything keeps running until Ctrl-C; in another terminal:", soft_wrap=True)
        for name, value in (
            ("PROOFWARD_URL", url),
            ("PROOFWARD_TRUST", str(directory / "trial" / "trust.toml")),
            ("PROOFWARD_API_KEY", f"$(cat {directory / 'buyer.key'})"),
        ):
            self._console.print(f'  export {name}="{escape(value)}"', soft_wrap=True)
        self._console.print("  proofward datasets nhanes", soft_wrap=True)


def _table(title: str, question: Question, columns: tuple[str, ...], rows: tuple[tuple[Any, ...], ...]) -> Table:
    if question.keys == 2:
        columns, rows = _crossed(columns, rows)
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(escape(column), justify="left" if place == 0 and question.keys else "right")
    for row in rows:
        table.add_row(*(escape(_text(cell)) for cell in row))
    return table


def _crossed(
    columns: tuple[str, ...], rows: tuple[tuple[Any, ...], ...]
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """A two-way table: the first key down, the second across, the last column inside."""
    across = list(dict.fromkeys(row[1] for row in rows))
    down = list(dict.fromkeys(row[0] for row in rows))
    inside = {(row[0], row[1]): row[-1] for row in rows}
    header = (columns[0], *(f"{columns[1]} {_text(key)}" for key in across))
    return header, tuple((key, *(inside.get((key, other), "") for other in across)) for key in down)


def _text(cell: Any) -> str:
    if cell is None:
        return _MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)
