"""Writes `src/OutputGenerators.sol`, the table of output generators U_0..U_64 that the contract carries.

Run it as `python -m attestation.contracts.generators` after the derivation of the generators has changed; a test compares
the committed file with `render`, so that the table on chain is the table of the prover. Derivation:
docs/spec/01-primitives.md; use: docs/spec/08-chain.md.
"""

from pathlib import Path
from typing import Final

from protocol.parameters import MAX_CHAIN_CELLS, POINT_BYTES
from prover import generators

TARGET: Final = Path(__file__).parent / "src" / "OutputGenerators.sol"

COUNT: Final = MAX_CHAIN_CELLS + 1

# A word in the code costs one PUSH32 and one MSTORE; blocks let a query with few cells pay for few words.
_POINTS_PER_BLOCK: Final = 8

_HEAD: Final = """\
// SPDX-License-Identifier: Apache-2.0
// Written by attestation/contracts/generators.py. Do not edit.
pragma solidity 0.8.37;

/// @title The output generators: U_0 blinds, U_1..U_{last} carry the cells. Nobody knows a relation between them.
library OutputGenerators {{
    uint256 internal constant COUNT = {count};

    /// @dev Writes U_0..U_(count-1) to new memory; count <= COUNT. The result is for `generator` only.
    function load(uint256 count) internal pure returns (uint256 table) {{
        assembly ("memory-safe") {{
            table := mload(0x40)
            // In whole blocks, so that what is written below is reserved.
            mstore(0x40, add(table, mul(div(add(count, {round_up}), {points}), {block_bytes:#x})))
"""

_TAIL: Final = """\
        }
    }

    /// @dev U_index; index is below the count that `load` was called with.
    function generator(uint256 table, uint256 index) internal pure returns (uint256 x, uint256 y) {
        assembly ("memory-safe") {
            let point := add(table, shl(6, index))
            x := mload(point)
            y := mload(add(point, 0x20))
        }
    }
}
"""


def render(points: bytes) -> str:
    """The Solidity source that carries `points`: COUNT encodings of 64 bytes, U_0 first."""
    words = [points[offset : offset + 32] for offset in range(0, COUNT * POINT_BYTES, 32)]
    words_per_block = 2 * _POINTS_PER_BLOCK
    lines = [
        _HEAD.format(
            last=MAX_CHAIN_CELLS,
            count=COUNT,
            round_up=_POINTS_PER_BLOCK - 1,
            points=_POINTS_PER_BLOCK,
            block_bytes=32 * words_per_block,
        )
    ]
    for start in range(0, len(words), words_per_block):
        lines.append(f"            if gt(count, {start // 2}) {{\n")
        for position, word in enumerate(words[start : start + words_per_block], start=start):
            lines.append(f"                mstore(add(table, {32 * position:#06x}), 0x{word.hex()})\n")
        lines.append("            }\n")
    lines.append(_TAIL)
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(render(generators("U", 0, COUNT)), encoding="ascii")
