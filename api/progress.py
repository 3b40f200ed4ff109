"""What a buyer sees of a running query: events, and the view that they add up to.

Events are durable (`api/store.py`); this file knows their kinds. Waiting for the next one is in memory: a follower that was
not woken, because its process restarted, reads the same events from the store when it comes back with `Last-Event-ID`.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from api.store import Event, State, StoredEvent
from protocol.consortium import Consortium
from protocol.messages import Round

_FINAL: Final = ("declined", "left-out")  # what a hospital does for the committee afterwards does not change its part
STEPS: Final = ("plan", *(str(each) for each in Round), "bundle", "publish", "finish")


class HospitalProgress(BaseModel):
    """Where one hospital stands: the last that is known of it."""

    model_config = ConfigDict(extra="forbid")

    hospital: str
    round: str | None = None  # the last round in which something is known of it
    state: str = "waiting"  # waiting, asked, answered, accepted, declined, refused, silent, left-out
    reason: str | None = None  # an error code


class Progress(BaseModel):
    """The view of a query that its events add up to."""

    model_config = ConfigDict(extra="forbid")

    state: State
    step: str | None
    hospitals: list[HospitalProgress]
    last_event: int


def started() -> Event:
    """The pipeline has begun."""
    return Event("running", {"kind": "state", "state": State.RUNNING.value})


def step(name: str) -> Event:
    """A step has begun."""
    return Event(f"step:{name}", {"kind": "step", "step": name})


def in_round(event: Event, number: int) -> Event:
    """The event, as one of the n-th round of a query. Those of the first are told as if it were the only one."""
    return event if number == 1 else Event(f"{event.name}#{number}", {**event.data, "number": number})


def hospital(name: str, round_: Round, state: str, reason: str | None = None) -> Event:
    """A hospital was asked for its message of a round, answered, refused it, or stayed silent."""
    return _about(f"{round_}:{name}:{state}", name, str(round_), state, reason)


def decided(name: str, accept: bool, reason: str | None) -> Event:
    """A hospital accepted the query or refused it."""
    return _about(f"decided:{name}", name, str(Round.DECISION), "accepted" if accept else "declined", reason)


def left_out(name: str, reason: str) -> Event:
    """A hospital is not part of the answer."""
    return _about(f"left-out:{name}", name, str(Round.FREEZE), "left-out", reason)


def posted(transaction: str) -> Event:
    """The attestation is on chain."""
    return Event("posted", {"kind": "posted", "transaction": transaction})


def waiting(reason: str) -> Event:
    """Something outside is unavailable; the query goes on when it is back."""
    return Event(f"waiting:{reason}", {"kind": "waiting", "reason": reason})


def ended(state: State, failure: dict[str, str] | None = None) -> Event:
    """The query is done or has failed. Always the last event."""
    return Event("ended", {"kind": "state", "state": state.value, **({"failure": failure} if failure else {})})


def view(consortium: Consortium, state: State, happened: Iterable[StoredEvent]) -> Progress:
    """What the events add up to."""
    members = {member.name: HospitalProgress(hospital=member.name) for member in consortium.members}
    current: str | None = None
    last = 0
    for event in happened:
        last = event.sequence
        data: dict[str, Any] = event.data
        if data["kind"] == "step":
            current = data["step"]
        elif data["kind"] == "hospital" and data["hospital"] in members and members[data["hospital"]].state not in _FINAL:
            members[data["hospital"]] = HospitalProgress(
                hospital=data["hospital"], round=data["round"], state=data["state"], reason=data.get("reason")
            )
    return Progress(state=state, step=current, hospitals=list(members.values()), last_event=last)


def _about(event: str, name: str, round_: str, state: str, reason: str | None) -> Event:
    data = {"kind": "hospital", "hospital": name, "round": round_, "state": state}
    return Event(event, data if reason is None else {**data, "reason": reason})


class Bell:
    """Wakes the followers of a query when it has new events."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @property
    def followers(self) -> int:
        """How many follow, over all queries."""
        return sum(map(len, self._waiting.values()))

    def ring(self, query_id: str) -> None:
        """Wake everybody who follows the query."""
        for follower in self._waiting.get(query_id, ()):
            follower.set()

    def follow(self, query_id: str) -> "Follower":
        """A follower of the query; use it as a context manager."""
        return Follower(self._waiting, query_id)


class Follower:
    """Somebody who waits for the events of one query."""

    def __init__(self, waiting: dict[str, set[asyncio.Event]], query_id: str) -> None:
        self._waiting = waiting
        self._query_id = query_id
        self._event = asyncio.Event()

    def __enter__(self) -> "Follower":
        self._waiting.setdefault(self._query_id, set()).add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        followers = self._waiting[self._query_id]
        followers.discard(self._event)
        if not followers:
            del self._waiting[self._query_id]

    async def wait(self, seconds: float) -> None:
        """Return when there may be something new, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
