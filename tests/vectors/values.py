"""Vector values to and from JSON, and running a case. The format is FORMAT.md."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from prover import kernel_backend, reference
from prover.dealing import Deal

BACKENDS: dict[str, ModuleType] = {"kernel": kernel_backend, "reference": reference}
over_both_backends = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS.keys())


def to_json(value: Any) -> Any:
    """A Python value in the notation of FORMAT.md."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, np.ndarray):
        return {"codes": value.tolist()}
    if isinstance(value, dict):
        return {"map": [[to_json(key), to_json(member)] for key, member in value.items()]}
    if isinstance(value, Deal):
        return {"deal": {"commitments": to_json(value.commitments), "shares": to_json(list(value.shares))}}
    if isinstance(value, list | tuple):
        return [to_json(member) for member in value]
    raise TypeError(f"no notation for {type(value).__name__}")


def from_json(value: Any) -> Any:
    """The Python value of a notation."""
    if isinstance(value, list):
        return [from_json(member) for member in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "int":
        return int(content)
    if kind == "codes":
        return np.array(content, dtype=np.uint16)
    if kind == "map":
        return {from_json(key): from_json(member) for key, member in content}
    if kind == "deal":
        return Deal(from_json(content["commitments"]), tuple(from_json(content["shares"])))
    raise ValueError(f"unknown notation {kind}")


def run(backend: ModuleType, function: str, arguments: dict[str, Any]) -> Any:
    """Call `function` of a backend with Python values."""
    if function != "Transcript":
        return getattr(backend, function)(**arguments)
    transcript = backend.Transcript(arguments["label"])
    challenges = []
    for step, *rest in arguments["steps"]:
        result = getattr(transcript, step)(*rest)
        if step == "challenge":
            challenges.append(result)
    return challenges
