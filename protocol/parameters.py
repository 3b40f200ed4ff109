"""Constants of protocol version 1. Everything here enters the statement by the protocol version.

Source: `docs/spec/01-primitives.md`. BN254 (alt_bn128) is the curve of EIP-196.
"""

from typing import Final

PROTOCOL_VERSION: Final = "proofward/v1"

# Base field modulus and group order of BN254 G1: y^2 = x^3 + 3, cofactor 1.
FIELD_MODULUS: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
GROUP_ORDER: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617

SCALAR_BYTES: Final = 32
POINT_BYTES: Final = 64  # x then y, big-endian, as the EVM precompiles take them; the identity is 64 zero bytes

MAX_CHUNK_ROWS: Final = 1 << 20
MAX_DIGIT_VALUES: Final = 256  # a digit with more values would make one commitment row a value too wide
MAX_FACTORS: Final = 6  # bounds the degree of the round polynomials of the contribution proof
MAX_CELLS: Final = 4096
MAX_CHAIN_CELLS: Final = 64  # output generators that the contract carries
MAX_MEMBERS: Final = 64
ABSENT_CODE: Final = 0xFFFF  # a digit's code for NULL and padding rows
