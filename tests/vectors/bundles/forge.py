"""Forgeries: a bundle as JSON that can be changed anywhere, with or without new signatures of corrupt members."""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from attestation.eip712 import sign_attestation
from attestation.sign import attestation_fields, domain
from protocol import canonical
from protocol.document import Document
from protocol.statement import Statement
from tests.vectors.bundles.world import World

D = TypeVar("D", bound=Document)
Path = tuple[str | int, ...]

PAYLOAD: Path = ("envelope", "payload")


def as_json(document: Document) -> Any:
    return json.loads(document.encoded)


def changed(document: D, **members: Any) -> D:
    """`document` with other members, and without the digests that the original has cached."""
    kept = {name: getattr(document, name) for name in type(document).model_fields}
    return type(document)(**{**kept, **members})


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with `new` at `path`."""
    copy = json.loads(json.dumps(value))
    if not path:
        return new
    at(copy, path[:-1])[path[-1]] = new
    return copy


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no object and no list; empty ones count as leaves."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def lists(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Every list."""
    if isinstance(value, list):
        yield path, value
    items: Iterable[tuple[str | int, Any]] = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in items:
        yield from lists(member, (*path, key))


def pattern(path: Path) -> str:
    """A path with every index as `*`."""
    return ".".join("*" if isinstance(step, int) else step for step in path)


# Values with alternatives that the model accepts too: the near miss is another one of them.
_LEVELS = frozenset({"proven", "signed", "none"})
_ALTERNATIVES = (_LEVELS, frozenset({"digest", "aggregate"}), frozenset({"decision", "freeze"}))


def others(value: Any) -> list[Any]:
    """Values unlike `value`, of its type where there is a near one."""
    if value is None:
        return ["0" * 64, 0]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if not isinstance(value, str):
        return [None, "a"]
    for alternatives in _ALTERNATIVES:
        if value in alternatives:
            return [*sorted(alternatives - {value}), None]
    if value:
        last = value[-1]
        swapped = {"0": "1", "a": "b", "=": "A"}.get(last, "0" if last.isdigit() else "a")
        return [value[:-1] + swapped, None]
    return ["a", None]


def payload_of(bundle: Any) -> Any:
    """The statement in a bundle."""
    return json.loads(base64.b64decode(at(bundle, PAYLOAD)))


def with_payload(bundle: Any, statement: Any, world: World, signers: Sequence[int] = ()) -> Any:
    """`bundle` about another statement, signed by `signers`; with none, the old signatures stay."""
    data = canonical.encode(statement)
    copy = replaced(bundle, PAYLOAD, base64.b64encode(data).decode())
    if not signers:
        return copy
    document = Statement.from_bytes(data, limit=1 << 24)
    what = (domain(document), attestation_fields(document))
    signed = {world.consortium.member(i).address: sign_attestation(world.account(i), *what) for i in signers}
    signatures = [
        {"keyid": address, "sig": base64.b64encode(signature).decode()} for address, signature in sorted(signed.items())
    ]
    return replaced(copy, ("envelope", "signatures"), signatures)


def schema_paths(model: type[Document]) -> set[str]:
    """The leaves that a document can have, by its model: the same patterns as those of `leaves`."""
    found = set()
    for name, information in model.model_fields.items():
        label = information.serialization_alias or information.alias or name
        found |= {f"{label}{rest}" for rest in _type_paths(information.annotation)}
    return found


def _type_paths(annotation: Any) -> set[str]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return {f".{path}" for path in schema_paths(annotation)}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_paths(arguments[0])
    if origin is tuple:
        return {f".*{path}" for path in _type_paths(arguments[0])}
    if origin in (Union, UnionType):
        return set().union(*(_type_paths(argument) for argument in arguments if argument is not NoneType))
    return {""}
