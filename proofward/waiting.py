"""Waits for a query: over server-sent events, and by asking now and then where those do not get through."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from proofward.client_errors import ServiceResponseInvalid, WaitExpired
from proofward.http import Connection, Sleep, parse
from protocol.errors import Kind, ProofwardError

_POLL: Final = 1.0  # seconds between questions
_STEPS: Final = ("plan", "decision", "deal", "verdict", "freeze", "open", "attest", "bundle", "publish", "finish")


@dataclass
class Seen:
    """What is known of a running query."""

    step: str | None = None
    hospitals: dict[str, str] = field(default_factory=dict)
    last_event: int = 0
    ended: bool = False


class Display(Protocol):
    """Shows progress."""

    def show(self, seen: Seen) -> None:
        """Something has changed."""
        ...


def wait(connection: Connection, query_id: str, *, display: Display, deadline: float | None, sleep: Sleep) -> None:
    """Return when the query is done or has failed.

    Args:
        deadline: on the monotonic clock, or None.

    Raises:
        WaitExpired: it is not finished at the deadline.
        ProofwardError: what the service reports.
    """
    seen = Seen()
    while not seen.ended:
        try:
            for event in _events(connection, query_id, seen.last_event, _left(deadline)):
                _note(seen, event)
                display.show(seen)
                _check(deadline, query_id)
                if seen.ended:
                    return
        except ProofwardError as error:
            # No stream, or a broken one: the status says the same, only later.
            if error.kind is not Kind.UNAVAILABLE or isinstance(error, WaitExpired):
                raise
        status = connection.get(f"queries/{query_id}")
        seen.ended = status["state"] in ("done", "failed")
        progress = status.get("progress") or {}
        seen.step = progress.get("step") or seen.step
        seen.hospitals |= {each["hospital"]: each["state"] for each in progress.get("hospitals", ())}
        display.show(seen)
        if not seen.ended:
            _check(deadline, query_id)
            sleep(_POLL)


@contextmanager
def quiet() -> Iterator[Display]:
    """Shows nothing."""
    yield _Quiet()


@contextmanager
def on_terminal() -> Iterator[Display]:
    """A progress bar with the state of each hospital, on standard error; nothing if that is no terminal."""
    # A notebook is no terminal: a bar that rewrites itself would fill the cell, or need widgets.
    if not sys.stderr.isatty():
        yield _Quiet()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[hospitals]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("submitted", total=len(_STEPS), hospitals="")

        class Bar:
            def show(self, seen: Seen) -> None:
                done = _STEPS.index(seen.step) if seen.step in _STEPS else 0
                states = "  ".join(f"{escape(name)}: {escape(state)}" for name, state in sorted(seen.hospitals.items()))
                bar.update(task, completed=done, description=escape(seen.step or "waiting"), hospitals=states)

        yield Bar()


class _Quiet:
    def show(self, seen: Seen) -> None:
        """Nothing to see."""


def _events(connection: Connection, query_id: str, after: int, patience: float | None) -> Iterator[dict[str, Any]]:
    with connection.stream(f"queries/{query_id}/events", {"Last-Event-ID": str(after)}, patience) as lines:
        number, data = after, ""
        for line in lines:
            if line.startswith("id:"):
                number = _number(line[3:].strip())
            elif line.startswith("data:"):
                data += line[5:].strip()
            elif not line and data:
                yield {**_parse(data), "sequence": number}
                data = ""


def _parse(data: str) -> dict[str, Any]:
    event = parse(data.encode())
    return event if isinstance(event, dict) else {}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ServiceResponseInvalid("an event has no number")
    return int(text)


def _note(seen: Seen, event: dict[str, Any]) -> None:
    seen.last_event = event["sequence"]
    if event.get("kind") == "step":
        seen.step = str(event.get("step"))
    elif event.get("kind") == "hospital":
        seen.hospitals[str(event.get("hospital"))] = str(event.get("state"))
    elif event.get("kind") == "state":
        seen.ended = event.get("state") in ("done", "failed")


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.05, deadline - time.monotonic())


def _check(deadline: float | None, query_id: str) -> None:
    if deadline is not None and time.monotonic() >= deadline:
        raise WaitExpired("the query is not finished yet", hint=f"client.result({query_id!r}) fetches it later")
