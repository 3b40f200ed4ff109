"""Mutants of the kernel's verifiers, all in one build: a copy of the crate in which each change is behind a switch.

    transcript.absorb(label, data)?;      if !crate::mutated(7) { transcript.absorb(label, data)?; }
    if condition { return Err(..); }      if !crate::mutated(8) && (condition) { return Err(..); }

The switch is an exported number, 0 for none. The copy is built without link-time optimisation, loaded in place of the kernel,
and told by the forked process of each mutant which one to be.
"""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from tests.mutation.python_mutants import ROOT, Mutant

CRATE: Final = ROOT / "prover/kernel"
SWITCH: Final = "PROOFWARD_MUTANT"
FILES: Final = (
    "rows/verify.rs", "rows/equations.rs", "rows/statement.rs", "rows/relation.rs", "codec.rs", "representation.rs",
    "sharing.rs", "pedersen.rs", "transcript.rs",
)  # fmt: skip

_SWITCH_SOURCE: Final = f"""
/// Which mutant this process is.
#[unsafe(no_mangle)]
pub static {SWITCH}: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

pub(crate) fn mutated(number: usize) -> bool {{
    {SWITCH}.load(std::sync::atomic::Ordering::Relaxed) == number
}}
"""
_PROFILE: Final = """
[profile.dev]
opt-level = 1
debug = false
overflow-checks = true

[profile.dev.package."*"]
opt-level = 3
"""

# Whole statements that can be left out, and what leaving them out is called.
_STATEMENTS: Final = (
    ("absorb", r"transcript\.absorb\((?:[^;{}]*)\)\?;"),
    ("check", r"(?:crate::codec::|codec::)?(?:check_\w+|count)\([^;{}]*\)\?;"),
    ("equation", r"(?:sum\.add\w*|add_folds|add_blinded|self\.add_\w+)\((?:[^;{}]*)\);"),
)


class KernelChanged(Exception):
    """The kernel no longer has the text that a mutant is made of: the lists here must follow it."""


@dataclass
class _Numbered:
    """Numbers mutants as they are written into the source."""

    file: str
    original: str
    found: list[Mutant]
    set_switch: Callable[[int], None]

    def switch(self, kind: str, taken: str, instead: str = "") -> str:
        number = len(self.found) + 1
        shown = " ".join(f"{taken} -> {instead}".split() if instead else taken.split())
        line = self.original[: max(self.original.find(taken), 0)].count("\n") + 1
        repeated = sum(mutant.text.partition(" #")[0] == shown and mutant.place == self._place for mutant in self.found)
        shown += f" #{repeated + 1}" if repeated else ""
        self.found.append(Mutant(kind, self._place, shown, line, (0, 0), lambda: self.set_switch(number)))
        return f"crate::mutated({number})"

    @property
    def _place(self) -> str:
        return f"prover/kernel/src/{self.file}"


def mutated_crate(target: Path) -> list[Mutant]:
    """Write the copy of the crate. The mutants work in a process that has loaded it with `load`. Raises KernelChanged."""
    shutil.copytree(CRATE, target, ignore=shutil.ignore_patterns("target", "fuzz"), dirs_exist_ok=True)
    manifest = (target / "Cargo.toml").read_text(encoding="utf-8").replace('unsafe_code = "forbid"', "")
    (target / "Cargo.toml").write_text(manifest + _PROFILE, encoding="utf-8")
    with (target / "src/lib.rs").open("a", encoding="utf-8") as library:
        library.write(_SWITCH_SOURCE)
    found: list[Mutant] = []
    for file in FILES:
        path = target / "src" / file
        source = path.read_text(encoding="utf-8")
        path.write_text(_switched(_Numbered(file, source, found, _set_switch), source), encoding="utf-8")
    return found


def _switched(numbered: _Numbered, source: str) -> str:
    source, marker, tests = source.partition("#[cfg(test)]\nmod tests")
    for kind, pattern in _STATEMENTS:
        source = re.sub(
            rf"^( *)({pattern})$",
            lambda match, kind=kind: f"{match[1]}if !{numbered.switch(kind, match[2])} {{ {match[2]} }}",  # type: ignore[misc]
            source,
            flags=re.MULTILINE,
        )
    source = re.sub(
        r"^( *)if ([^\n]*) \{\n((?: *//[^\n]*\n)?) *(?=return Err)",
        lambda match: f"{match[1]}if {_condition(numbered, match[2])} {{\n{match[3]}",
        source,
        flags=re.MULTILINE,
    )
    for kind, taken, instead in _expressions(numbered.file):
        if taken not in source:
            raise KernelChanged(f"{numbered.file}: {taken}")
        source = source.replace(taken, instead.replace("#", numbered.switch(kind, taken, instead), 1), 1)
    return source + marker + tests


def _expressions(file: str) -> list[tuple[str, str, str]]:
    listed = tomllib.loads((Path(__file__).parent / "kernel_mutants.toml").read_text(encoding="utf-8"))["mutant"]
    return [(each["kind"], each["taken"], each["instead"]) for each in listed if each["file"] == file]


def _condition(numbered: _Numbered, condition: str) -> str:
    """Never true under one mutant, and without one of its alternatives under others."""
    whole = numbered.switch("refusal", condition)
    parts = condition.split(" || ")
    if len(parts) > 1:
        condition = " || ".join(f"(!{numbered.switch('refusal', part)} && ({part}))" for part in parts)
    return f"!{whole} && ({condition})"


def build(crate: Path) -> Path:
    """Compile the copy; the shared library. The target directory is its own: it must never pass for the kernel."""
    cache = Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache/proofward/cargo-target"))
    target = cache.with_name(f"{cache.name}-mutation")
    command = [
        "cargo",
        "build",
        "--quiet",
        "--locked",
        "--lib",
        "--features",
        "python",
        "--manifest-path",
        str(crate / "Cargo.toml"),
    ]
    subprocess.run(command, check=True, env=os.environ | {"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "-Awarnings"})
    suffix = "dylib" if sys.platform == "darwin" else "so"
    return target / "debug" / f"lib_kernel.{suffix}"


_library: ctypes.CDLL | None = None


def load(library: Path) -> None:
    """Whoever imports `prover._kernel` from now on gets this library. Nothing of `prover` may be imported yet."""
    global _library
    if "prover._kernel" in sys.modules:
        raise ImportError("the kernel is loaded already")
    sys.meta_path.insert(0, _Finder(library))
    _library = ctypes.CDLL(str(library))


@dataclass
class _Finder:
    library: Path

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "prover._kernel":
            return None
        loader = importlib.machinery.ExtensionFileLoader(name, str(self.library))
        return importlib.util.spec_from_file_location(name, str(self.library), loader=loader)


def _set_switch(number: int) -> None:
    if _library is None:
        raise ImportError("the library with the mutants is not loaded")
    ctypes.c_size_t.in_dll(_library, SWITCH).value = number
