"""Admission: a table may be queried when everybody has verified that it obeys its schema.

Specification: docs/spec/07-transport.md, "Packages".

Nobody is believed: the hub verifies a package before it passes it on, and every node verifies it again before it keeps it.
"""

from collections.abc import Callable

import structlog

import prover
from attestation.admitted import ADMITTED
from mpc_nodes.datasets import Datasets
from mpc_nodes.errors import DatasetNotAdmitted
from mpc_nodes.session import Identity
from mpc_nodes.store import NodeStore
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.errors import ProofwardError
from protocol.signatures import verify_registration
from prover.admission import verify_admission
from prover.errors import PackageInvalid
from prover.package import Package, decode_package

log = structlog.get_logger(__name__)


def check_registration(consortium: Consortium, signed: SignedRegistration) -> None:
    """Check all that a registration alone shows.

    Raises:
        SignatureInvalid: it is not signed by the hospital that it names.
        PackageInvalid: it is for another consortium, or commits with other generators.
    """
    registration = verify_registration(consortium, signed)
    if registration.consortium != consortium.digest:
        raise PackageInvalid("the registration is for another consortium", where="registration")
    if registration.generators != prover.generator_digest():
        raise PackageInvalid("the commitments use other generators", where="registration")


def check_package(consortium: Consortium, signed: SignedRegistration, data: bytes, *, threads: int = 1) -> Package:
    """Verify an untrusted package of the registration `signed`; seconds to minutes, with the kernel's `threads`.

    Raises:
        SignatureInvalid, PackageInvalid: as `check_registration`; and it is no package, or of another registration.
        AdmissionProofInvalid: the table is not shown to obey its schema.
    """
    check_registration(consortium, signed)
    package = decode_package(data)
    if package.signed != signed:
        raise PackageInvalid("the package is of another registration", where="registration")
    if not ADMITTED.holds(prover, data):
        verify_admission(package, threads=threads)
        ADMITTED.add(prover, data)
    return package


class Admissions:
    """The packages that a node has verified: those of others in its database, its own in its snapshots."""

    def __init__(
        self, identity: Identity, store: NodeStore, datasets: Datasets, *, clock: Callable[[], int], threads: int
    ) -> None:
        self._identity = identity
        self._store = store
        self._datasets = datasets
        self._clock = clock
        self._threads = threads

    def wants(self, signed: SignedRegistration) -> bool:
        """Whether the package of a registration is to be sent. Raises as `check_registration`."""
        check_registration(self._identity.consortium, signed)
        registration = signed.registration
        return registration.hospital != self._identity.index and not self._store.has_package(registration.root)

    def admit(self, signed: SignedRegistration, data: bytes) -> None:
        """Verify a package and keep it; on return it is durable. Raises as `check_package`, PackageQuota."""
        registration = signed.registration
        try:
            check_package(self._identity.consortium, signed, data, threads=self._threads)
            self._store.add_package(registration.root, registration.hospital, data, self._clock())
        except ProofwardError as error:
            log.error("package-refused", root=registration.root, member=registration.hospital, code=error.code)
            raise
        log.info("package-admitted", root=registration.root, member=registration.hospital)

    def package(self, root: str, hospital: int) -> Package:
        """The package with this root, verified when it was admitted.

        Raises:
            DatasetNotAdmitted: this node has none.
            SnapshotDamaged: it is this node's own, and the snapshot is not what it was.
        """
        own = hospital == self._identity.index
        data = self._datasets.package(root) if own else self._store.package(root)
        if data is None:
            raise DatasetNotAdmitted(
                f"this node has not verified the table of member {hospital}", hint="ask again in a moment", where=root
            )
        return decode_package(data)
