"""The calls that succeed."""

from typing import Any

import numpy as np

from protocol.parameters import ABSENT_CODE, GROUP_ORDER
from prover.kernel_backend import commit_outputs, deal, generators, prove_representation
from tests.vectors.inputs import G1, IDENTITY, MINUS_G1, Stream, codes, scalars, vector, word

Case = tuple[str, str, dict[str, Any]]


def good() -> dict[str, list[Case]]:
    """Cases that succeed, by area: what, function, arguments."""
    key = Stream("key")(32)
    some = generators("U", 0, 3)
    secrets = vector(scalars("blinder", 1), [7, -3, 10**20])
    dealt = deal(secrets, 5, 2, scalars("coefficients", 8))
    trivial = deal(secrets, 1, 0, b"")
    shares = {index + 1: share for index, share in enumerate(dealt.shares)}
    other = deal(vector(scalars("blinder2", 1), [1, 1, 1]), 5, 2, scalars("coefficients2", 8))
    proof = prove_representation([0, 1, 2, 3], secrets, b"context", b"seed")
    return {
        "codec": [
            ("the identity, a generator and its negative", "check_points", {"data": IDENTITY + G1 + MINUS_G1, "count": 3}),
            ("no point", "check_points", {"data": b"", "count": 0}),
            ("the largest and the smallest scalar", "check_scalars", {"data": word(GROUP_ORDER - 1) + word(0), "count": 2}),
            ("minus one", "scalar_from_int", {"value": -1}),
            ("far beyond r", "scalar_from_int", {"value": -(3**400)}),
            ("r - 1 is -1 when signed", "int_from_scalar", {"s": word(GROUP_ORDER - 1), "signed": True}),
            ("r - 1 unsigned", "int_from_scalar", {"s": word(GROUP_ORDER - 1), "signed": False}),
            ("(r - 1)/2 stays positive", "int_from_scalar", {"s": word(GROUP_ORDER // 2), "signed": True}),
            ("(r + 1)/2 is negative", "int_from_scalar", {"s": word(GROUP_ORDER // 2 + 1), "signed": True}),
        ],
        "transcript": [
            ("a challenge of nothing", "Transcript", {"label": b"empty", "steps": [["challenge", b"c"]]}),
            (
                "the state moves on",
                "Transcript",
                {
                    "label": b"proofward/v1/test",
                    "steps": [
                        ["absorb", b"a", b""],
                        ["absorb", b"b", Stream("message")(300)],
                        ["challenge", b"c"],
                        ["challenge", b"c"],
                        ["absorb", b"c", b"\x00"],
                        ["challenge", b"d"],
                    ],
                },
            ),
        ],
        "generators": [
            *[(f"family {family}", "generators", {"family": family, "start": 0, "count": 3}) for family in "GHUVgh"],
            ("a range in the middle", "generators", {"family": "G", "start": 8191, "count": 2}),
            ("an empty range", "generators", {"family": "U", "start": 5, "count": 0}),
            ("the digest of version 1", "generator_digest", {}),
        ],
        "pedersen": [
            ("no value", "commit_outputs", {"values": [], "blinding": scalars("r0", 1)}),
            ("zero with zero is the identity", "commit_outputs", {"values": [0], "blinding": word(0)}),
            ("negative and large", "commit_outputs", {"values": [-1, 2**200, 0, 5], "blinding": scalars("r1", 1)}),
            ("both ends", "commit_outputs", {"values": [GROUP_ORDER // 2, -(GROUP_ORDER // 2)], "blinding": word(1)}),
            (
                "an opening",
                "check_outputs",
                {
                    "commitment": commit_outputs([-1, 4], scalars("r1", 1)),
                    "values": [-1, 4],
                    "blinding": scalars("r1", 1),
                },
            ),
            ("sum of none", "add_points", {"points": b""}),
            ("sum of opposite points", "add_points", {"points": G1 + MINUS_G1}),
            ("doubling", "add_points", {"points": G1 + G1}),
            ("sum with the identity", "add_points", {"points": IDENTITY + some + IDENTITY}),
            ("difference", "subtract", {"a": some[:64], "b": some[64:128]}),
            ("difference with itself", "subtract", {"a": G1, "b": G1}),
            ("msm", "msm", {"points": some + IDENTITY, "scalars": scalars("m", 4)}),
            ("msm with 0, 1 and r - 1", "msm", {"points": some, "scalars": word(0) + word(1) + word(GROUP_ORDER - 1)}),
            ("msm of none", "msm", {"points": b"", "scalars": b""}),
        ],
        "sharing": [
            (
                "five members, threshold two",
                "deal",
                {"secrets": secrets, "members": 5, "threshold": 2, "coefficients": scalars("coefficients", 8)},
            ),
            ("one member", "deal", {"secrets": secrets, "members": 1, "threshold": 0, "coefficients": b""}),
            *[
                (
                    f"the share of member {index}",
                    "check_share",
                    {"index": index, "share": share, "commitments": dealt.commitments, "threshold": 2, "members": 5},
                )
                for index, share in shares.items()
            ],
            (
                "the share is the secret at threshold 0",
                "check_share",
                {"index": 1, "share": secrets, "commitments": trivial.commitments, "threshold": 0, "members": 1},
            ),
            ("adding shares", "add_vectors", {"vectors": [shares[1], other.shares[0], shares[1]]}),
            ("adding commitments", "add_commitments", {"vectors": [dealt.commitments, other.commitments]}),
            ("three shares", "interpolate", {"shares": {i: shares[i] for i in (5, 1, 3)}, "threshold": 2, "members": 5}),
            ("all shares", "interpolate", {"shares": shares, "threshold": 2, "members": 5}),
        ],
        "representation": [
            (
                "a proof",
                "prove_representation",
                {"indices": [0, 1, 2, 3], "witness": secrets, "context": b"context", "nonce_seed": b"seed"},
            ),
            (
                "other generators, no seed",
                "prove_representation",
                {"indices": [0, 5, 4096], "witness": secrets[:96], "context": b"", "nonce_seed": b""},
            ),
            (
                "a valid proof",
                "verify_representation",
                {"point": dealt.commitments[:64], "indices": [0, 1, 2, 3], "context": b"context", "proof": proof},
            ),
        ],
        "onehot": [
            *[
                (
                    f"{rows} rows of {columns} columns, {values} values",
                    "commit_onehot",
                    {
                        "codes": codes(f"codes{values}", values, rows),
                        "values": values,
                        "columns": columns,
                        "blinding_key": key,
                        "context": f"vector {values}".encode(),
                        "threads": 2,
                    },
                )
                for rows, columns, values in ((16, 4, 2), (64, 32, 3), (8, 8, 101), (4, 1, 1), (100, 25, 7), (32, 16, 16))
            ],
            (
                "nothing present",
                "commit_onehot",
                {
                    "codes": np.full(8, ABSENT_CODE, dtype=np.uint16),
                    "values": 2,
                    "columns": 4,
                    "blinding_key": key,
                    "context": b"",
                    "threads": 1,
                },
            ),
        ],
    }
