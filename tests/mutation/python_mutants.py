"""Mutants of the Python verifiers: one statement, condition or field of a function is taken out of the module's syntax tree.

A mutant is applied by swapping the code of the living functions, so that it holds wherever the function was imported.
"""

import ast
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from protocol import canonical, proof_statements
from protocol.document import Document

ROOT: Final = Path(__file__).parents[2]
FILES: Final = (
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "prover/reference").glob("*.py")),
    "prover/rows.py",
    "prover/contribution.py",
    "prover/admission.py",
    "prover/package.py",
    "prover/merkle.py",
)
STATEMENTS: Final = (proof_statements.AdmissionStatement, proof_statements.ContributionStatement)

# Functions that verify nothing: what they are given is their caller's own.
PROVING: Final = ("prove_", "commit_onehot", "random_scalars", "deal", "inclusion_proof", "scalar_from_int")
CHECKING: Final = ("check", "require", "verify", "finish")  # how names of functions begin that return nothing or raise
# Calls whose value is an argument of theirs: taken out, they check nothing. Name of the function, place of that argument.
PASSED_ON: Final = {"require_bytes": 1, "require_int": 1, "require_sequence": 1, "_at_least_one": 0}
# Constructors and functions that say what a proof is about.
SAYING: Final = frozenset({
    "RowStatement", "CommitmentBlob", "_statement", "contribution_statement", "admission_statement",
})  # fmt: skip
# What is handed on whole; its fields are mutants of their own.
WHOLE: Final = frozenset({"transcript", "contribution", "package.registration"})

Edit = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """One change of the code.

    Attributes:
        kind: absorb, refusal, check, equation or field.
        place: file and function; with kind and text it names the mutant whatever lines move.
        text: what is taken out.
        line: where, today; 0 where there is none.
        lines: of the function, first and last.
        apply: makes the change in this process; there is no way back.
    """

    kind: str
    place: str
    text: str
    line: int
    lines: tuple[int, int]
    apply: Callable[[], None] = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.place, self.kind, self.text

    @property
    def called(self) -> tuple[str, int, int] | None:
        """What a test must call to notice: the file, and the lines of the function; None if that cannot be told."""
        file, _, _ = self.place.partition("::")
        return (str(ROOT / file), *self.lines) if any(self.lines) else None

    def __str__(self) -> str:
        file, _, function = self.place.partition("::")
        return f"{file}:{self.line} {function}: {self.kind} {self.text}"


def python_mutants() -> list[Mutant]:
    """All of them, file by file."""
    found = [mutant for file in FILES for mutant in _of_file(file)]
    return found + [mutant for model in STATEMENTS for mutant in _of_statement(model)]


def _of_file(file: str) -> Iterator[Mutant]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = _functions(tree)
    for number, node in enumerate(ast.walk(tree)):
        function = functions.get(id(node))
        if function is not None and not function[0].startswith(PROVING):
            for kind, text, edit in _edits(node):
                name, lines = function
                yield Mutant(kind, f"{file}::{name}", text, getattr(node, "lineno", 0), lines, _Swap(file, number, edit))


Function = tuple[str, tuple[int, int]]  # its name in the module, its first and last line


def _functions(tree: ast.AST, name: str = "", function: Function | None = None) -> dict[int, Function]:
    """The outermost function that each node stands in, by the node's identity."""
    found: dict[int, Function] = {}
    for child in ast.iter_child_nodes(tree):
        own, within = name, function
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            own = f"{name}.{child.name}" if name else child.name
            if isinstance(child, ast.FunctionDef) and function is None:
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                within = own, (first, child.end_lineno or first)
        if function is not None:
            found[id(child)] = function
        found |= _functions(child, own, within)
    return found


def _edits(node: ast.AST) -> Iterator[tuple[str, str, Edit]]:
    match node:
        case ast.If(test=test, body=[*_, ast.Raise()]):
            yield "refusal", ast.unparse(test), _never
            if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
                for place, operand in enumerate(test.values):
                    yield "refusal", f"{ast.unparse(operand)}  of  {ast.unparse(test)}", _without_operand(place)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="absorb"))):
            yield "absorb", ast.unparse(node), _nothing
        case ast.Expr(value=ast.Call(func=called)) if _name(called).lstrip("_").startswith(CHECKING):
            yield "check", ast.unparse(node), _nothing
        case ast.Expr(value=ast.Yield(value=ast.Tuple())):
            yield "equation", ast.unparse(node), _nothing
        case ast.Call(func=ast.Name(id="_after"), args=[_, label, _, _]):
            yield "absorb", ast.unparse(label), _without_message
        case ast.Call(func=ast.Name(id=name)) if name in PASSED_ON:
            yield "check", ast.unparse(node), _passing(PASSED_ON[name])
        case ast.Call(func=ast.Name(id="split" | "decode_points" | "decode_scalars" as name), args=arguments):
            # The expected number of elements: without it, any number will do.
            if len(arguments) == (4 if name == "split" else 3):
                yield "check", f"count of {ast.unparse(node)}", _without_last
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in SAYING:
            for place, argument in enumerate(arguments):
                if ast.unparse(argument) in WHOLE:
                    continue
                yield "field", f"{name}({place}: {ast.unparse(argument)})", _blank_argument(place)
            for place, keyword in enumerate(keywords):
                yield "field", f"{name}({keyword.arg}={ast.unparse(keyword.value)})", _blank_keyword(place)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _never(node: Any) -> None:
    node.test = ast.Constant(False)


def _without_operand(place: int) -> Edit:
    def edit(node: Any) -> None:
        node.test.values[place] = ast.Constant(False)

    return edit


def _nothing(node: Any) -> None:
    node.value = ast.Constant(None)


def _without_message(node: Any) -> None:
    node.func, node.args = ast.Name("_challenge", ast.Load()), [node.args[0], node.args[3]]


def _without_last(node: Any) -> None:
    del node.args[-1]


def _passing(place: int) -> Edit:
    def edit(node: Any) -> None:
        node.func = _expression(f"(lambda *values: values[{place}])")

    return edit


def _blank_argument(place: int) -> Edit:
    def edit(node: Any) -> None:
        node.args[place] = _blanked(node.args[place])

    return edit


def _blank_keyword(place: int) -> Edit:
    def edit(node: Any) -> None:
        node.keywords[place].value = _blanked(node.keywords[place].value)

    return edit


def _blanked(value: ast.expr) -> ast.expr:
    call = _expression("__import__('tests.mutation.python_mutants', fromlist=['blank']).blank()")
    assert isinstance(call, ast.Call)
    call.args.append(value)
    return call


def _expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def blank(value: Any) -> Any:
    """A value of the same type and length that says nothing."""
    match value:
        case int():
            return 1
        case bytes():
            return bytes(len(value))
        case str() if value.strip("0123456789abcdef") == "":
            return "0" * len(value)
        case str():
            return "x"
        case _:
            return value


@dataclass(frozen=True)
class _Swap:
    """Compiles the file with one edit and gives the functions that live their new code."""

    file: str
    number: int
    edit: Edit

    def __call__(self) -> None:
        path = str(ROOT / self.file)
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        self.edit(list(ast.walk(tree))[self.number])
        codes = dict(_codes(compile(ast.fix_missing_locations(tree), path, "exec")))
        swapped = 0
        for function in gc.get_objects():
            if type(function) is FunctionType and function.__code__.co_filename == path:
                code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
                # A closure shares its code with the function that makes it, which is swapped too.
                if code is not None and "<locals>" not in code.co_qualname:
                    swapped += function.__code__.co_code != code.co_code or function.__code__.co_consts != code.co_consts
                    function.__code__ = code
        if not swapped:
            raise LookupError(f"{self.file}: nothing was swapped")


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    yield (code.co_qualname, code.co_firstlineno), code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _of_statement(model: type[Document]) -> Iterator[Mutant]:
    """The statement is absorbed without one of its fields."""
    for name in model.model_fields:

        def apply(name: str = name) -> None:
            def encoded(document: Document) -> bytes:
                return canonical.encode(document.model_dump(mode="json", by_alias=True, exclude={name}))

            model.encoded = property(encoded)  # type: ignore[assignment, method-assign]

        yield Mutant("field", f"protocol/proof_statements.py::{model.__name__}", name, 0, (0, 0), apply)
