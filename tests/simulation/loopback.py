"""The relay without a network: hub and members in one process, each document delivered in a step of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

from mpc_nodes.hub import Hub
from protocol.relay import ExplainReply, ExplainRequest, RoundReply, RoundRequest

Answer = Callable[[Any], RoundReply | ExplainReply | None]  # of a RoundRequest or an ExplainRequest


class Loopback:
    """A `Transport`. `answers[i]` is member i; a member that is not `up`, or answers None, says nothing."""

    def __init__(self, answers: dict[int, Answer]) -> None:
        self.answers = answers
        self.up = set(answers)
        self.sent: list[tuple[int, RoundRequest | ExplainRequest]] = []
        self.hub: Hub | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connected(self) -> frozenset[int]:
        return frozenset(self.up)

    def send(self, member: int, document: RoundRequest | ExplainRequest) -> None:
        if member in self.up:
            self.sent.append((member, document))
            task = asyncio.ensure_future(self._deliver(member, document))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def announce(self, member: int, root: str) -> None:
        """Packages do not travel here: tests hand them to the members, and tell the hub's store."""

    def connect(self, member: int) -> None:
        """The member comes (back)."""
        self.up.add(member)
        assert self.hub is not None
        self.hub.member_connected(member)

    def disconnect(self, member: int) -> None:
        self.up.discard(member)

    async def _deliver(self, member: int, document: RoundRequest | ExplainRequest) -> None:
        answer = self.answers[member](document)
        assert self.hub is not None
        if member not in self.up or answer is None:
            return
        if isinstance(answer, RoundReply):
            await self.hub.receive(member, answer)
        else:
            self.hub.receive_explanation(member, answer)
