"""How a command speaks: text for people or one JSON object for programs, and an exit code that is the result for both."""

import json as json_
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any

import typer

from protocol.errors import Kind, ProofwardError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class Exit(IntEnum):
    """What every command ends with."""

    OK = 0
    REFUSED = 1  # something was checked and is wrong, or was tried and failed
    CANNOT_TELL = 2  # wrong usage, or something that is needed is not reachable
    INTERRUPTED = 130


class Report:
    """Where a command says what it found. Nothing is printed in JSON mode until `result`."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.json:
            from rich.console import Console

            Console(highlight=False, soft_wrap=True).print(text, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table for people. A cell that is None is shown as a dash."""
        if not self.json:
            from rich.console import Console
            from rich.table import Table

            table = Table(title=title or None, title_justify="left", title_style="bold")
            for column in columns:
                table.add_column(column, overflow="fold")
            for row in rows:
                table.add_row(*("-" if cell is None else _plain(str(cell)) for cell in row))
            Console(highlight=False).print(table)

    @contextmanager
    def steps(self, what: str) -> Iterator[Callable[[str], None]]:
        """Progress of unknown length on standard error, if that is a terminal; tell it the name of each step done."""
        if self.json:
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda name: bar.update(task, description=f"{what}: {_plain(name)}")

    def result(self, value: Mapping[str, Any]) -> None:
        """The whole result for programs. Called once, at the end."""
        if self.json:
            print(json_.dumps(value, indent=2, ensure_ascii=False), flush=True)  # noqa: T201 - this is the interface


@contextmanager
def reporting(json: bool, *, failed: Exit = Exit.REFUSED) -> Iterator[Report]:
    """A report for the block; an error in it becomes a message and the exit code `failed`, or 2 if nobody answered."""
    try:
        yield Report(json=json)
    except ProofwardError as error:
        print_error(error, json=json)
        raise typer.Exit(Exit.CANNOT_TELL if error.kind is Kind.UNAVAILABLE else failed) from error


def print_error(error: ProofwardError, *, json: bool) -> None:
    """Code, place, message, hint and the page about it: JSON on standard output or text on standard error."""
    page = f"docs/errors/{error.code}.md"
    if json:
        print(json_.dumps({"error": error.to_dict() | {"page": page}}, indent=2, ensure_ascii=False))  # noqa: T201
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    place = f"{error.where}: " if error.where else ""
    console.print(f"[bold red]error\\[{error.code}][/] {_plain(place + error.message)}")
    if error.hint:
        console.print(f"  hint: {_plain(error.hint)}")
    console.print(f"  more: {page}")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def quiet_log() -> None:
    """Send what libraries below log to standard error, and only warnings: standard output belongs to the result."""
    import logging
    import sys

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # Looked up for each line: standard error may be another stream by then.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
