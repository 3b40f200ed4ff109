"""The committed compilation of the contract: bytecode, ABI, and what a deployment must look like."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import function_abi_to_4byte_selector
from eth_utils.crypto import keccak

from attestation.chain_errors import ChainArgumentInvalid, ChainReverted
from protocol.parameters import MAX_MEMBERS

# The errors that the compiler itself puts into contracts.
_BUILT_IN: Final = {
    keccak(b"Error(string)")[:4]: ("Error", ["string"]),
    keccak(b"Panic(uint256)")[:4]: ("Panic", ["uint256"]),
}


@dataclass(frozen=True)
class Terms:
    """What a deployment is created with and cannot change. Raises ChainArgumentInvalid if the contract would refuse it."""

    members: tuple[str, ...]  # accounts in the order of the consortium document, lower case
    threshold: int
    consortium: bytes  # 32 bytes: digest of the consortium document

    def __post_init__(self) -> None:
        if len(self.consortium) != 32 or not any(self.consortium):
            raise ChainArgumentInvalid("the consortium digest has 32 bytes and is not zero")
        n = len(self.members)
        if not self.threshold >= 1 or not 2 * self.threshold + 1 <= n <= MAX_MEMBERS:
            raise ChainArgumentInvalid(f"{n} members do not support the threshold {self.threshold}")
        if len({member.lower() for member in self.members}) != n:
            raise ChainArgumentInvalid("two members have the same account")


@dataclass(frozen=True)
class Artefact:
    """The compiled contract. `load` reads the committed one."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    deployed: bytes  # runtime code with zeros in place of the immutables
    immutables: dict[str, list[int]]  # byte offsets of each immutable's 32-byte words

    def creation_code(self, terms: Terms) -> bytes:
        """The data of the transaction that deploys the contract."""
        arguments = encode(["address[]", "uint8", "bytes32"], [terms.members, terms.threshold, terms.consortium])
        return self.bytecode + arguments

    def runtime_code(self, terms: Terms) -> bytes:
        """The code that a deployment has on chain, byte for byte."""
        code = bytearray(self.deployed)
        words = {"threshold": terms.threshold.to_bytes(32, "big"), "consortium": terms.consortium}
        for name, offsets in self.immutables.items():
            for offset in offsets:
                code[offset : offset + 32] = words[name]
        return bytes(code)

    def call_data(self, function: str, arguments: Sequence[Any]) -> bytes:
        """Selector and encoded arguments."""
        entry = self._entry("function", function)
        return function_abi_to_4byte_selector(entry) + encode(_types(entry["inputs"]), arguments)  # type: ignore[arg-type]

    def function_of(self, data: bytes) -> tuple[str, tuple[Any, ...]] | None:
        """Name and arguments of a call; None if it is no call of this contract."""
        for entry in self.abi:
            if entry["type"] == "function" and function_abi_to_4byte_selector(entry) == data[:4]:  # type: ignore[arg-type]
                try:
                    return entry["name"], tuple(decode(_types(entry["inputs"]), data[4:]))
                except DecodingError:
                    return None
        return None

    def results(self, function: str, data: bytes) -> tuple[Any, ...]:
        """The decoded results of a call. Raises eth_abi's DecodingError."""
        return tuple(decode(_types(self._entry("function", function)["outputs"]), data))

    def event_topic(self, event: str) -> bytes:
        """keccak256 of the event's signature, the first topic of its logs."""
        entry = self._entry("event", event)
        return bytes(keccak(f"{event}({','.join(_types(entry['inputs']))})".encode()))

    def explain(self, error: ChainReverted) -> ChainReverted:
        """The same refusal with the name and the arguments of the contract's error."""
        known = dict(_BUILT_IN)
        for entry in self.abi:
            if entry["type"] == "error":
                types = _types(entry["inputs"])
                known[keccak(f"{entry['name']}({','.join(types)})".encode())[:4]] = (entry["name"], types)
        name, types = known.get(error.data[:4], ("unknown", []))
        try:
            values = decode(types, error.data[4:]) if types else ()
        except DecodingError:
            name, values = "unknown", ()
        texts = tuple("0x" + value.hex() if isinstance(value, bytes) else str(value)[:200] for value in values)
        return ChainReverted(name, texts, error.data)

    def _entry(self, kind: str, name: str) -> dict[str, Any]:
        return next(entry for entry in self.abi if entry["type"] == kind and entry["name"] == name)


@cache
def load() -> Artefact:
    """The artefact that this version was released with; `make contracts-check` compiles it again and compares."""
    text = resources.files("attestation.contracts").joinpath("Proofward.json").read_text(encoding="utf-8")
    document = json.loads(text)
    return Artefact(
        abi=document["abi"],
        bytecode=bytes.fromhex(document["bytecode"][2:]),
        deployed=bytes.fromhex(document["deployedBytecode"][2:]),
        immutables=document["immutables"],
    )


def _types(parameters: Sequence[dict[str, Any]]) -> list[str]:
    return [parameter["type"] for parameter in parameters]
