"""What has been verified in this process: admission of packages and proofs of contributions, so that each is verified once.

That is sound: the verdict is a function of the remembered bytes alone. A package holds its registration, commitments and
proofs. A contribution names the root of its table, the hash of its plan and the digest of its proof, all of which are
checked against what is at hand before it is looked up here. Who could make other bytes with a remembered SHA-256 has a
collision. They are remembered for the backend that verified them, so that a second opinion is never the first one again.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import Final

from prover.backend import Backend


class Admitted:
    """The digests of the documents that were verified last, at most `limit`. Threads may share it."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[Backend, bytes], None] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, backend: Backend, document: bytes) -> bool:
        """Whether `backend` has verified exactly these bytes: a package, or an encoded contribution."""
        key = (backend, hashlib.sha256(document).digest())
        with self._lock:
            if key not in self._known:
                return False
            self._known.move_to_end(key)
            return True

    def add(self, backend: Backend, document: bytes) -> None:
        """`backend` has verified `document`."""
        key = (backend, hashlib.sha256(document).digest())
        with self._lock:
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)


# One for the process: it holds facts about bytes, not about a caller.
ADMITTED: Final = Admitted()
