"""Mutants that no test can notice, each with the reason. The campaign fails if one of them is noticed, or is no more."""

from typing import Final

# (place, kind, text): reason.
PYTHON: Final[dict[tuple[str, str, str], str]] = {}
KERNEL: Final[dict[tuple[str, str, str], str]] = {}
