"""The calls that must be refused, by what is broken."""

from typing import Any

import numpy as np

from protocol.parameters import FIELD_MODULUS, GROUP_ORDER
from prover.kernel_backend import add_points, deal, prove_representation
from tests.vectors.inputs import G1, IDENTITY, codes, plus_modulus, scalars, vector, word


def bad() -> dict[str, tuple[str, dict[str, Any], str, str]]:
    """Cases that are refused, by what is broken: function, arguments, error, step."""
    secrets = vector(scalars("blinder", 1), [7, -3, 10**20])
    dealt = deal(secrets, 5, 2, scalars("coefficients", 8))
    point = dealt.commitments[:64]
    proof = prove_representation([0, 1, 2, 3], secrets, b"context", b"")
    check = {"index": 1, "share": dealt.shares[0], "commitments": dealt.commitments, "threshold": 2, "members": 5}
    verify = {"point": point, "indices": [0, 1, 2, 3], "context": b"context", "proof": proof}
    onehot = {
        "codes": codes("bad", 4, 8),
        "values": 4,
        "columns": 4,
        "blinding_key": bytes(32),
        "context": b"c",
        "threads": 1,
    }
    shares = {1: dealt.shares[0], 2: dealt.shares[1], 3: dealt.shares[2]}
    reveal = {"shares": shares, "threshold": 2, "members": 5}
    leading_identity = dealt.commitments[:128] + IDENTITY
    codes_out_of_range = np.array([0, 1, 2, 3, 4, 0, 0, 0], dtype=np.uint16)
    return {
        "point_x_plus_modulus": (
            "check_points",
            {"data": plus_modulus(G1, 0, FIELD_MODULUS), "count": 1},
            "point-invalid",
            "x < p",
        ),
        "point_y_plus_modulus": (
            "check_points",
            {"data": plus_modulus(G1, 32, FIELD_MODULUS), "count": 1},
            "point-invalid",
            "y < p",
        ),
        "point_identity_plus_modulus": (
            "check_points",
            {"data": word(FIELD_MODULUS) * 2, "count": 1},
            "point-invalid",
            "x < p",
        ),
        "point_off_curve": ("check_points", {"data": word(1) + word(3), "count": 1}, "point-invalid", "on the curve"),
        "point_zero_x": ("check_points", {"data": word(0) + word(1), "count": 1}, "point-invalid", "on the curve"),
        "point_of_other_curve": (
            "check_points",
            {"data": word(0) + word(2), "count": 1},
            "point-invalid",
            "on the curve (it lies on y^2 = x^3 + 4)",
        ),
        "points_trailing_byte": ("check_points", {"data": G1 + b"\x00", "count": 1}, "encoding-length-invalid", "length"),
        "points_one_missing": ("check_points", {"data": G1, "count": 2}, "encoding-length-invalid", "length"),
        "points_one_too_many": ("check_points", {"data": G1 + G1, "count": 1}, "encoding-length-invalid", "length"),
        "scalar_is_modulus": ("check_scalars", {"data": word(GROUP_ORDER), "count": 1}, "scalar-invalid", "scalar < r"),
        "scalar_all_ones": ("check_scalars", {"data": b"\xff" * 32, "count": 1}, "scalar-invalid", "scalar < r"),
        "scalar_plus_modulus": (
            "int_from_scalar",
            {"s": word(5 + GROUP_ORDER), "signed": True},
            "scalar-invalid",
            "scalar < r",
        ),
        "scalars_short": ("check_scalars", {"data": bytes(31), "count": 1}, "encoding-length-invalid", "length"),
        "transcript_empty_label": ("Transcript", {"label": b"", "steps": []}, "kernel-argument-invalid", "label length"),
        "transcript_long_label": (
            "Transcript",
            {"label": b"x" * 256, "steps": []},
            "kernel-argument-invalid",
            "label length",
        ),
        "generators_unknown_family": (
            "generators",
            {"family": "W", "start": 0, "count": 1},
            "kernel-argument-invalid",
            "family",
        ),
        "generators_past_end": (
            "generators",
            {"family": "G", "start": 1 << 20, "count": 1},
            "kernel-argument-invalid",
            "range",
        ),
        "opening_other_value": (
            "check_outputs",
            {"commitment": point, "values": [7, -3, 10**20 + 1], "blinding": secrets[:32]},
            "opening-mismatch",
            "audit equation",
        ),
        "opening_other_blinder": (
            "check_outputs",
            {"commitment": point, "values": [7, -3, 10**20], "blinding": word(1)},
            "opening-mismatch",
            "audit equation",
        ),
        "opening_values_swapped": (
            "check_outputs",
            {"commitment": point, "values": [-3, 7, 10**20], "blinding": secrets[:32]},
            "opening-mismatch",
            "audit equation",
        ),
        "opening_value_plus_modulus": (
            "check_outputs",
            {"commitment": point, "values": [7 + GROUP_ORDER, -3, 10**20], "blinding": secrets[:32]},
            "kernel-argument-invalid",
            "unique representative",
        ),
        "opening_of_identity": (
            "check_outputs",
            {"commitment": IDENTITY, "values": [7], "blinding": word(1)},
            "opening-mismatch",
            "audit equation",
        ),
        "commit_too_many_values": (
            "commit_outputs",
            {"values": [0] * 4097, "blinding": word(1)},
            "kernel-argument-invalid",
            "number of values",
        ),
        "msm_lengths_differ": ("msm", {"points": G1, "scalars": word(1) + word(2)}, "kernel-argument-invalid", "lengths"),
        "deal_threshold_too_high": (
            "deal",
            {"secrets": word(1), "members": 4, "threshold": 2, "coefficients": word(1) * 2},
            "kernel-argument-invalid",
            "n >= 2t + 1",
        ),
        "deal_without_members": (
            "deal",
            {"secrets": word(1), "members": 0, "threshold": 0, "coefficients": b""},
            "kernel-argument-invalid",
            "n >= 1",
        ),
        "deal_without_secrets": (
            "deal",
            {"secrets": b"", "members": 3, "threshold": 1, "coefficients": b""},
            "kernel-argument-invalid",
            "K >= 0",
        ),
        "deal_coefficient_missing": (
            "deal",
            {"secrets": word(1) * 2, "members": 3, "threshold": 1, "coefficients": word(1)},
            "encoding-length-invalid",
            "t (K + 1) coefficients",
        ),
        "deal_zero_coefficients": (
            "deal",
            {"secrets": word(1) * 2, "members": 3, "threshold": 1, "coefficients": bytes(64)},
            "commitment-count-invalid",
            "A_t is not the identity",
        ),
        "share_value_changed": (
            "check_share",
            {**check, "share": dealt.shares[0][:-32] + word(9)},
            "share-mismatch",
            "share equation",
        ),
        "share_of_other_member": ("check_share", {**check, "index": 2}, "share-mismatch", "share equation"),
        "share_value_missing": ("check_share", {**check, "share": dealt.shares[0][:-32]}, "share-mismatch", "share equation"),
        "share_index_zero": (
            "check_share",
            {**check, "index": 0, "share": secrets},
            "share-index-invalid",
            "1 <= index <= n",
        ),
        "share_index_above_n": ("check_share", {**check, "index": 6}, "share-index-invalid", "1 <= index <= n"),
        "share_index_is_order": ("check_share", {**check, "index": GROUP_ORDER}, "share-index-invalid", "1 <= index <= n"),
        "commitments_one_too_many": (
            "check_share",
            {**check, "commitments": dealt.commitments + G1},
            "commitment-count-invalid",
            "t + 1 commitments",
        ),
        "commitments_one_missing": (
            "check_share",
            {**check, "commitments": dealt.commitments[:-64]},
            "commitment-count-invalid",
            "t + 1 commitments",
        ),
        "commitments_leading_identity": (
            "check_share",
            {**check, "commitments": leading_identity},
            "commitment-count-invalid",
            "A_t is not the identity",
        ),
        "commitments_swapped": (
            "check_share",
            {
                **check,
                "index": 2,
                "share": dealt.shares[1],
                "commitments": dealt.commitments[64:128] + point + dealt.commitments[128:],
            },
            "share-mismatch",
            "share equation",
        ),
        "interpolate_too_few": (
            "interpolate",
            {**reveal, "shares": {1: shares[1], 2: shares[2]}},
            "shares-insufficient",
            "t + 1 shares",
        ),
        "interpolate_index_zero": (
            "interpolate",
            {**reveal, "shares": {0: shares[1], **shares}},
            "share-index-invalid",
            "1 <= index <= n",
        ),
        "interpolate_lengths_differ": (
            "interpolate",
            {**reveal, "shares": {**shares, 2: shares[2][:-32]}},
            "encoding-length-invalid",
            "length",
        ),
        "add_commitments_lengths_differ": (
            "add_commitments",
            {"vectors": [dealt.commitments, point]},
            "commitment-count-invalid",
            "t + 1 commitments",
        ),
        "representation_other_context": (
            "verify_representation",
            {**verify, "context": b"other"},
            "representation-invalid",
            "equation",
        ),
        "representation_other_point": (
            "verify_representation",
            {**verify, "point": add_points(point + G1)},
            "representation-invalid",
            "equation",
        ),
        "representation_other_indices": (
            "verify_representation",
            {**verify, "indices": [0, 1, 2, 4]},
            "representation-invalid",
            "equation",
        ),
        "representation_identity_point": (
            "verify_representation",
            {**verify, "point": IDENTITY},
            "representation-invalid",
            "D is not the identity",
        ),
        "representation_identity_nonce": (
            "verify_representation",
            {**verify, "proof": IDENTITY + proof[64:]},
            "representation-invalid",
            "T is not the identity",
        ),
        "representation_all_zero": (
            "verify_representation",
            {**verify, "point": IDENTITY, "proof": bytes(len(proof))},
            "representation-invalid",
            "D is not the identity",
        ),
        "representation_nonce_plus_modulus": (
            "verify_representation",
            {**verify, "proof": plus_modulus(proof, 0, FIELD_MODULUS)},
            "representation-invalid",
            "T is a point",
        ),
        "representation_response_plus_modulus": (
            "verify_representation",
            {**verify, "proof": plus_modulus(proof, 64, GROUP_ORDER)},
            "representation-invalid",
            "z_0 < r",
        ),
        "representation_response_missing": (
            "verify_representation",
            {**verify, "proof": proof[:-32]},
            "representation-invalid",
            "length",
        ),
        "representation_trailing_byte": (
            "verify_representation",
            {**verify, "proof": proof + b"\x00"},
            "representation-invalid",
            "length",
        ),
        "representation_without_blinder": (
            "verify_representation",
            {**verify, "indices": [1, 2, 3, 4]},
            "kernel-argument-invalid",
            "S starts with 0",
        ),
        "representation_index_twice": (
            "verify_representation",
            {**verify, "indices": [0, 1, 1, 2]},
            "kernel-argument-invalid",
            "S increases",
        ),
        "representation_index_past_end": (
            "verify_representation",
            {**verify, "indices": [0, 1, 2, 4097]},
            "kernel-argument-invalid",
            "S ends at 4096",
        ),
        "representation_of_zero_witness": (
            "prove_representation",
            {"indices": [0, 1], "witness": bytes(64), "context": b"", "nonce_seed": b""},
            "kernel-argument-invalid",
            "D is not the identity",
        ),
        "onehot_code_out_of_range": (
            "commit_onehot",
            {**onehot, "codes": codes_out_of_range},
            "digit-code-invalid",
            "code < K",
        ),
        "onehot_too_many_values": ("commit_onehot", {**onehot, "values": 257}, "kernel-argument-invalid", "K <= 256"),
        "onehot_ragged": ("commit_onehot", {**onehot, "columns": 3}, "kernel-argument-invalid", "N = R C"),
        "onehot_short_key": (
            "commit_onehot",
            {**onehot, "blinding_key": bytes(31)},
            "encoding-length-invalid",
            "32-byte key",
        ),
        "onehot_no_rows": (
            "commit_onehot",
            {**onehot, "codes": np.zeros(0, dtype=np.uint16)},
            "kernel-argument-invalid",
            "N >= 1",
        ),
    }
