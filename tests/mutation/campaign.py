"""What is judged by what, and what may survive."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.mutation.python_mutants import Mutant
from tests.mutation.suite import Suite

_UNIT: Final = (
    "reference_relation",
    "reference_rows",
    "reference_points",
    "prover_vectors",
    "prover_packages",
    "prover_commit",
)
_ATTACKS: Final = (
    "p1_rows_statements", "p2_rows_trace", "p2_rows_forgeries", "p5_rows_replaced",
    "p5_zero_and_identity", "p6_decoders", "p7_encodings",
    "p7_rows_encodings", "p8_proof_context", "p8_rows_replay", "p10_rows_said_twice", "p17_rows_batch", "p21_rows_lengths",
    "m1_share_indices", "m2_commitment_count", "m4_openings",
)  # fmt: skip
ALL_TESTS: Final = (
    tuple(f"tests/unit/test_{name}.py" for name in _UNIT)
    + tuple(f"tests/attacks/test_{name}.py" for name in _ATTACKS)
    + ("tests/mutation/test_prover_arguments.py",)
)
# Others are slow, and do nothing that a smaller one does not.
SMALL: Final = "not (soak or 512 or 1024)"
# What says something about the kernel: tests that are about the reference alone say nothing.
_NOT_KERNEL: Final = ("test_reference", "proof_context", "rows_trace", "prover_packages")
KERNEL_TESTS: Final = tuple(path for path in ALL_TESTS if not any(name in path for name in _NOT_KERNEL))
KERNEL_SMALL: Final = "not (soak or 512 or 1024 or reference)"

# A few seconds: each message, each equation and each field of a statement, in the reference and in what both backends share.
QUICK_TESTS: Final = tuple(
    f"tests/attacks/test_{name}.py" for name in ("p1_rows_statements", "p2_rows_trace", "p17_rows_batch")
)
QUICK: Final = (
    "under_attack_are_good or (absorbs_each_message and small)"
    " or (reference and (cancel_in_one_proof or one_proof_and_its_negation))"
)


def is_quick(mutant: Mutant) -> bool:
    """Whether `QUICK_TESTS` judge this mutant."""
    rows = mutant.place.startswith("prover/reference/row") and mutant.kind in ("absorb", "equation")
    return (rows and mutant.text != "FOLDS[name]") or mutant.place.startswith("protocol/")


@dataclass
class Report:
    """The outcome of a campaign.

    Attributes:
        survivors: nobody noticed them, and they are not listed.
        mistaken: they are listed as equivalent, and were noticed.
        gone: they are listed, and are no mutants any more.
    """

    killed: int = 0
    equivalent: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    mistaken: list[Mutant] = field(default_factory=list)
    gone: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        return [
            *(f"survives: {mutant}" for mutant in self.survivors),
            *(f"is listed as equivalent and was noticed: {mutant}" for mutant in self.mistaken),
            *(f"is listed and does not exist: {key}" for key in self.gone),
        ]

    def __str__(self) -> str:
        return "\n".join(
            [*self.complaints, f"{self.killed} killed, {self.equivalent} equivalent, {len(self.survivors)} survive"]
        )


def run(
    mutants: Sequence[Mutant],
    suite: Suite,
    equivalent: Mapping[tuple[str, str, str], str],
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Judge every mutant; `say` hears of each."""
    report = Report()
    for mutant in mutants:
        killer = suite.killer(mutant.apply, mutant.called)
        listed = mutant.key in equivalent
        say(f"{mutant}\n    {killer or (equivalent[mutant.key] if listed else 'SURVIVES')}")
        if killer is None:
            report.equivalent += listed
            report.survivors += [] if listed else [mutant]
        else:
            report.killed += 1
            report.mistaken += [mutant] if listed else []
    return report


def gone(mutants: Iterable[Mutant], equivalent: Mapping[tuple[str, str, str], str]) -> list[tuple[str, str, str]]:
    """Entries of the list that name no mutant."""
    known = {mutant.key for mutant in mutants}
    return [key for key in equivalent if key not in known]
