"""Commitments, verifiable shares and proofs. The public names are those of the Rust kernel.

They are loaded on first use, so that an auditor can import `prover.reference` where no kernel is built.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prover.dealing import Deal as Deal
    from prover.kernel_backend import Transcript as Transcript
    from prover.kernel_backend import add_commitments as add_commitments
    from prover.kernel_backend import add_points as add_points
    from prover.kernel_backend import add_vectors as add_vectors
    from prover.kernel_backend import check_outputs as check_outputs
    from prover.kernel_backend import check_points as check_points
    from prover.kernel_backend import check_scalars as check_scalars
    from prover.kernel_backend import check_share as check_share
    from prover.kernel_backend import commit_onehot as commit_onehot
    from prover.kernel_backend import commit_outputs as commit_outputs
    from prover.kernel_backend import deal as deal
    from prover.kernel_backend import generator_digest as generator_digest
    from prover.kernel_backend import generators as generators
    from prover.kernel_backend import int_from_scalar as int_from_scalar
    from prover.kernel_backend import interpolate as interpolate
    from prover.kernel_backend import msm as msm
    from prover.kernel_backend import prove_representation as prove_representation
    from prover.kernel_backend import prove_rows as prove_rows
    from prover.kernel_backend import random_scalars as random_scalars
    from prover.kernel_backend import scalar_from_int as scalar_from_int
    from prover.kernel_backend import subtract as subtract
    from prover.kernel_backend import verify_representation as verify_representation
    from prover.kernel_backend import verify_rows as verify_rows

__all__ = [
    "Deal",
    "Transcript",
    "add_commitments",
    "add_points",
    "add_vectors",
    "check_outputs",
    "check_points",
    "check_scalars",
    "check_share",
    "commit_onehot",
    "commit_outputs",
    "deal",
    "generator_digest",
    "generators",
    "int_from_scalar",
    "interpolate",
    "msm",
    "prove_representation",
    "prove_rows",
    "random_scalars",
    "scalar_from_int",
    "subtract",
    "verify_representation",
    "verify_rows",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'prover' has no attribute {name!r}")
    from prover import kernel_backend

    return getattr(kernel_backend, name)
