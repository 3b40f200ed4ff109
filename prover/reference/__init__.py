"""The kernel's readable twin: pure Python on py_ecc, slow, and sharing no arithmetic with the Rust code.

It has the names of `prover.kernel_backend`, but for `prove_rows`: it verifies row proofs and makes none.
Auditors use it as a second opinion where no compiled code is trusted.
"""

from prover.dealing import Deal as Deal
from prover.reference.generators import generator_digest as generator_digest
from prover.reference.generators import generators as generators
from prover.reference.onehot import commit_onehot as commit_onehot
from prover.reference.pedersen import add_points as add_points
from prover.reference.pedersen import check_outputs as check_outputs
from prover.reference.pedersen import check_points as check_points
from prover.reference.pedersen import check_scalars as check_scalars
from prover.reference.pedersen import commit_outputs as commit_outputs
from prover.reference.pedersen import int_from_scalar as int_from_scalar
from prover.reference.pedersen import msm as msm
from prover.reference.pedersen import random_scalars as random_scalars
from prover.reference.pedersen import scalar_from_int as scalar_from_int
from prover.reference.pedersen import subtract as subtract
from prover.reference.representation import prove_representation as prove_representation
from prover.reference.representation import verify_representation as verify_representation
from prover.reference.rows import verify_rows as verify_rows
from prover.reference.sharing import add_commitments as add_commitments
from prover.reference.sharing import add_vectors as add_vectors
from prover.reference.sharing import check_share as check_share
from prover.reference.sharing import deal as deal
from prover.reference.sharing import interpolate as interpolate
from prover.reference.transcript import Transcript as Transcript
