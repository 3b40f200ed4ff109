"""The hub's part in admission: it takes packages from their hospitals, brings them to the others, and knows who has them.

A registration is stored with its package or not at all; who admitted it is stored with the time (docs/spec/07-transport.md,
"Packages"). The hub is believed by nobody: it verifies packages so that a bad one stops at the first step.
"""

import asyncio
from collections.abc import Collection
from typing import Protocol

import structlog

from mpc_nodes.admission import check_package, check_registration
from mpc_nodes.clock import Clock, Worker, until
from mpc_nodes.hub_store import HubStore
from mpc_nodes.transport_errors import ReplyInvalid
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.errors import ProofwardError
from protocol.messages import Refusal

log = structlog.get_logger(__name__)


class AnnouncingTransport(Protocol):
    """How packages reach members."""

    def connected(self) -> frozenset[int]:
        """The members with a stream that passed the handshake."""
        ...

    def announce(self, member: int, root: str) -> None:
        """Tell a member of a registration, and bring it the package if it wants it; dropped if it is not connected."""
        ...


class HubPackages:
    """Takes, keeps and passes on packages. All methods run on one event loop.

    Args:
        worker: where the store runs.
        verifier: where packages are verified, which takes up to minutes.
        threads: of the kernel, for packages.
    """

    def __init__(
        self,
        consortium: Consortium,
        store: HubStore,
        clock: Clock,
        transport: AnnouncingTransport,
        *,
        worker: Worker,
        verifier: Worker,
        threads: int = 1,
    ) -> None:
        self.consortium = consortium
        self._store = store
        self._clock = clock
        self._transport = transport
        self._worker = worker
        self._verifier = verifier
        self._threads = threads
        self._refused: set[tuple[str, int]] = set()  # roots, and who refuses them since the hub's start
        self._waiting: set[asyncio.Event] = set()  # of those who wait for admissions

    async def wants(self, member: int, signed: SignedRegistration) -> bool:
        """Whether `member`, who announces a registration, is to send the package: it is not on disk yet.

        Raises:
            ReplyInvalid, SignatureInvalid, PackageInvalid: it is not this member's, or of another consortium.
            RegistrationConflict: the epoch is registered with other contents.
        """

        def work() -> bool:
            if signed.registration.hospital != member:
                raise ReplyInvalid("the registration is another member's", where=f"member {member}")
            check_registration(self.consortium, signed)
            return not self._store.is_registered(signed)

        return await self._worker.run(work)

    async def admit(self, member: int, signed: SignedRegistration, package: bytes) -> None:
        """Verify the package that `member` was asked for and tell the others; on return it is durable.

        Raises:
            SignatureInvalid, PackageInvalid, AdmissionProofInvalid: it is not what the registration says; nothing is kept.
            RegistrationConflict, PackageQuota: as `HubStore.add_registration`.
        """
        root = signed.registration.root
        try:
            await self._verifier.run(lambda: check_package(self.consortium, signed, package, threads=self._threads))
            await self._worker.run(lambda: self._store.add_registration(signed, package, self._clock.now()))
        except ProofwardError as error:
            log.warning("package-refused", member=member, root=root, code=error.code, where=error.where)
            raise
        log.info("package-admitted", member=member, root=root, bytes=len(package))
        for other in sorted(self._transport.connected() - {member}):
            self._transport.announce(other, root)
        self._wake()

    async def to_announce(self, member: int) -> list[str]:
        """The roots that a member is told of when it connects."""
        return await self._worker.run(lambda: self._store.to_announce(member))

    async def registration(self, root: str) -> SignedRegistration | None:
        """The registration with this root, if its package is here."""
        return await self._worker.run(lambda: self._store.registration(root))

    async def package(self, root: str) -> bytes | None:
        """The package with this root, if it is here."""
        return await self._worker.run(lambda: self._store.package(root))

    async def settled(self, member: int, root: str, refusal: Refusal | None) -> None:
        """A member has verified and keeps a package, or refuses it."""
        if refusal is None:
            self._refused.discard((root, member))
            await self._worker.run(lambda: self._store.add_admission(root, member, self._clock.now()))
        else:
            self._refused.add((root, member))
            log.error("package-refused-by-member", member=member, root=root, code=refusal.code)
        self._wake()

    async def admitted_by(self, roots: Collection[str], at: float | None = None) -> dict[str, frozenset[int]]:
        """Which members hold which package, now or at a time that is past."""
        return await self._worker.run(lambda: {root: self._store.admitted_by(root, at) for root in roots})

    async def waited_for(self, roots: Collection[str]) -> frozenset[int]:
        """The connected members that have neither admitted nor refused all of `roots`."""
        holders = await self.admitted_by(roots)
        answered = {root: held | {m for each, m in self._refused if each == root} for root, held in holders.items()}
        return frozenset(m for m in self._transport.connected() if any(m not in answered[root] for root in roots))

    async def until_admitted(self, roots: Collection[str], deadline: float) -> None:
        """Return when no connected member is waited for, or at `deadline`, Unix seconds."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while self._clock.now() < deadline:
                changed.clear()
                if not await self.waited_for(roots):
                    return
                await until(self._clock, changed, changed.is_set, deadline)
        finally:
            self._waiting.discard(changed)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()
