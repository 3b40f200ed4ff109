"""Packages whose admission has been verified in this process, so that many audits of one epoch verify it once.

That is sound: the verdict on a package is a function of its bytes alone, since it holds its registration, commitments and
proofs, and a package is remembered by SHA-256 of all of them. Who could make another package with a remembered digest has a
collision. A package is remembered for the backend that verified it, so that a second opinion is never the first one again.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import Final

from prover.backend import Backend


class Admitted:
    """The digests of the packages that were verified last, at most `limit`. Threads may share it."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[Backend, bytes], None] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, backend: Backend, package: bytes) -> bool:
        """Whether `backend` has verified the admission of exactly these bytes."""
        key = (backend, hashlib.sha256(package).digest())
        with self._lock:
            if key not in self._known:
                return False
            self._known.move_to_end(key)
            return True

    def add(self, backend: Backend, package: bytes) -> None:
        """`backend` has verified the admission of `package`."""
        key = (backend, hashlib.sha256(package).digest())
        with self._lock:
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)


# One for the process: it holds facts about bytes, not about a caller.
ADMITTED: Final = Admitted()
