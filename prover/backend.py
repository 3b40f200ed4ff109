"""What a verifier needs of the mathematics: the compiled kernel, or the independent reference in Python, as one interface."""

from collections.abc import Callable, Sequence
from typing import Protocol

from prover.rows import RowInstance


class Transcript(Protocol):
    """A Fiat-Shamir transcript (docs/spec/01-primitives.md, section 4)."""

    def absorb(self, label: bytes, data: bytes) -> None: ...

    def challenge(self, label: bytes) -> bytes: ...


class Backend(Protocol):
    """`prover.kernel_backend` and `prover.reference` are these; the errors are the same, the code is not."""

    @property
    def Transcript(self) -> Callable[[bytes], Transcript]: ...  # noqa: N802 (a class)

    def verify_rows(
        self, instances: Sequence[RowInstance], *, entropy: Callable[[int], bytes] = ..., threads: int = ...
    ) -> None: ...

    def check_points(self, data: bytes, count: int) -> None: ...

    def check_scalars(self, data: bytes, count: int) -> None: ...

    def add_points(self, points: bytes) -> bytes: ...

    def subtract(self, a: bytes, b: bytes) -> bytes: ...

    def commit_outputs(self, values: Sequence[int], blinding: bytes) -> bytes: ...

    def check_outputs(self, commitment: bytes, values: Sequence[int], blinding: bytes) -> None: ...

    def verify_representation(self, point: bytes, indices: Sequence[int], context: bytes, proof: bytes) -> None: ...

    def generator_digest(self) -> str: ...
