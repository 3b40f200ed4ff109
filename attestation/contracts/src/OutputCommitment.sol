// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OutputGenerators} from "./OutputGenerators.sol";

/// @title The audit equation on chain: sum_h C_h = sum_k cells[k] U_(k+1) + blinding U_0.
/// @notice BN254 by the precompiles of EIP-196, priced by EIP-1108. They refuse points off the curve and coordinates
/// that are not below the field modulus. Specification: docs/spec/08-chain.md, "The opening".
library OutputCommitment {
    uint256 internal constant GROUP_ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 internal constant MAX_CELLS = OutputGenerators.COUNT - 1;

    /// The operands of the precompiles: the running sum, a point to add to it, and a scalar.
    /// ecAdd reads the first four words, ecMul the last three.
    struct Registers {
        uint256 sumX;
        uint256 sumY;
        uint256 x;
        uint256 y;
        uint256 scalar;
    }

    error InvalidCellCount(uint256 count);
    error ScalarOutOfRange(uint256 position); // of the cell; the blinding comes after the last cell
    error InvalidPoint(uint256 position);
    error PrecompileFailed();
    error OpeningMismatch();

    /// @dev Reverts unless the commitments sum to the commitment to `cells` with `blinding`.
    function verify(uint256[2][] calldata commitments, uint256[] calldata cells, uint256 blinding) internal view {
        uint256 count = cells.length;
        if (count == 0 || count > MAX_CELLS) revert InvalidCellCount(count);

        // The sum starts at the identity (0, 0), so that every commitment passes through ecAdd and is validated there.
        Registers memory registers;
        for (uint256 h = 0; h < commitments.length; ++h) {
            registers.x = commitments[h][0];
            registers.y = commitments[h][1];
            if (!_add(registers)) revert InvalidPoint(h);
        }
        (uint256 committedX, uint256 committedY) = (registers.sumX, registers.sumY);

        uint256 table = OutputGenerators.load(count + 1);
        (registers.sumX, registers.sumY) = (0, 0);
        for (uint256 k = 0; k < count; ++k) {
            _addTerm(registers, cells[k], table, k + 1, k);
        }
        _addTerm(registers, blinding, table, 0, count);
        if (registers.sumX != committedX || registers.sumY != committedY) revert OpeningMismatch();
    }

    /// @dev sum += scalar U_index; `table` is what `OutputGenerators.load` returned.
    function _addTerm(Registers memory registers, uint256 scalar, uint256 table, uint256 index, uint256 position)
        private
        view
    {
        if (scalar >= GROUP_ORDER) revert ScalarOutOfRange(position);
        // Tables have many empty cells and cells of one patient; 0 and 1 cost no ecMul.
        if (scalar == 0) return;
        (registers.x, registers.y) = OutputGenerators.generator(table, index);
        registers.scalar = scalar;
        if (scalar != 1 && !_multiply(registers)) revert PrecompileFailed();
        if (!_add(registers)) revert PrecompileFailed();
    }

    /// @dev sum += (x, y); false if one of them is not a canonical point of the curve.
    function _add(Registers memory registers) private view returns (bool success) {
        assembly ("memory-safe") {
            success := staticcall(gas(), 0x06, registers, 0x80, registers, 0x40)
        }
    }

    /// @dev (x, y) := scalar (x, y).
    function _multiply(Registers memory registers) private view returns (bool success) {
        assembly ("memory-safe") {
            let point := add(registers, 0x40)
            success := staticcall(gas(), 0x07, point, 0x60, point, 0x40)
        }
    }
}
