"""What every committed row is proved to obey. Specification: docs/spec/03-admission.md."""

from dataclasses import dataclass

from circuits.cells import Form


@dataclass(frozen=True)
class Constraint:
    """The sum over terms of an integer times the product of forms is 0 on every row.

    Attributes:
        name: what it says, for people.
    """

    name: str
    terms: tuple[tuple[int, tuple[Form, ...]], ...]
