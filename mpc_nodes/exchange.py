"""How two ends of a stream bring each other registrations and, where they are missing, packages.

    announcer  registration      ->
                                 <-  acknowledgement: wanted, or it is here, or refused
               package if wanted ->
                                 <-  acknowledgement: it is here, or refused

One registration at a time in each direction, so that an end holds one package of the other at most, and sends none that the
other has. Both ends do both parts. Specification: docs/spec/07-transport.md, "Packages".
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from mpc_nodes.transport_errors import TransferInvalid
from protocol.dataset import SignedRegistration
from protocol.errors import ProofwardError
from protocol.messages import Refusal
from protocol.relay import Acknowledgement, PackageFile, RelayDocument, TransferKind
from protocol.wire import relay_pb2

_MAX_MESSAGE = 2000  # characters of a refusal


class Shelf(Protocol):
    """Where the announcer finds what it announces."""

    async def registration(self, root: str) -> SignedRegistration | None:
        """The registration with this root; None if it is gone."""
        ...

    async def package(self, root: str) -> bytes | None:
        """Its package."""
        ...

    async def settled(self, root: str, acknowledgement: Acknowledgement) -> None:
        """The other end has it, or refuses it."""
        ...


class Announcer:
    """Tells the other end of registrations, one after the other."""

    def __init__(self, shelf: Shelf, send: Callable[[RelayDocument], None]) -> None:
        self._shelf = shelf
        self._send = send
        self._roots: asyncio.Queue[str] = asyncio.Queue()
        self._of = ""
        self._answer: asyncio.Future[Acknowledgement] | None = None

    def add(self, root: str) -> None:
        """Announce a registration when its turn comes."""
        self._roots.put_nowait(root)

    def answered(self, acknowledgement: Acknowledgement) -> None:
        """Take an acknowledgement from the stream. Raises TransferInvalid if it answers nothing."""
        if self._answer is None or self._answer.done() or acknowledgement.of != self._of:
            raise TransferInvalid("an acknowledgement of something that was not sent")
        self._answer.set_result(acknowledgement)

    async def run(self) -> NoReturn:
        """Announce for as long as the stream lives. Raises TransferInvalid."""
        while True:
            root = await self._roots.get()
            signed = await self._shelf.registration(root)
            if signed is None:
                continue
            acknowledgement = await self._ask(signed, signed.digest)
            if acknowledgement.wanted:
                package = await self._shelf.package(root)
                if package is None:
                    continue
                acknowledgement = await self._ask(PackageFile(package), signed.digest)
                if acknowledgement.wanted:
                    raise TransferInvalid("a package was asked for that had just been sent")
            await self._shelf.settled(root, acknowledgement)

    async def _ask(self, document: SignedRegistration | PackageFile, of: str) -> Acknowledgement:
        self._of = of
        self._answer = asyncio.get_running_loop().create_future()
        self._send(document)
        return await self._answer


class Intake:
    """Whose turn it is when the other end announces: what it may send next, and the answer to it."""

    def __init__(self) -> None:
        self._wanted: SignedRegistration | None = None
        self._busy = False  # a document has begun to come and is not answered yet

    def check(self, part: relay_pb2.Part) -> None:
        """Check a part before its data is kept. Raises TransferInvalid if it begins what has not its turn."""
        if part.index != 0 or part.kind not in (TransferKind.REGISTRATION, TransferKind.PACKAGE):
            return
        if self._busy:
            raise TransferInvalid(f"a {part.kind} came before the last was acknowledged")
        if part.kind == TransferKind.PACKAGE and self._wanted is None:
            raise TransferInvalid("a package came that was not asked for")
        self._busy = True

    async def take(
        self,
        document: SignedRegistration | PackageFile,
        wants: Callable[[SignedRegistration], Awaitable[bool]],
        admit: Callable[[SignedRegistration, bytes], Awaitable[None]],
    ) -> Acknowledgement:
        """The answer to a document whose parts were checked. `wants` and `admit` refuse by raising a ProofwardError."""
        asked, self._wanted = self._wanted, None
        signed = document if isinstance(document, SignedRegistration) else asked
        if signed is None:
            raise TransferInvalid("a package came that was not asked for")
        wanted, refusal = False, None
        try:
            if isinstance(document, SignedRegistration):
                wanted = await wants(signed)
            else:
                await admit(signed, document.encoded)
        except ProofwardError as error:
            refusal = Refusal(code=error.code, message=error.message[:_MAX_MESSAGE])
        self._wanted = signed if wanted else None
        self._busy = False
        return Acknowledgement(of=signed.digest, wanted=wanted, refusal=refusal)
