"""Mutants that no test can notice, each with the reason. The campaign fails if one of them is noticed, or is no more."""

from typing import Final

Key = tuple[str, str, str]  # place, kind, text

_REFERENCE: Final = "prover/reference"
PYTHON: Final[dict[Key, str]] = {
    (
        f"{_REFERENCE}/relation.py::_Reader.scalars",
        "check",
        "count of decode_scalars('the weights', self.take(count * SCALAR_BYTES), count)",
    ): "`take` gives exactly so many bytes or raises",
    (
        f"{_REFERENCE}/representation.py::verify_representation",
        "check",
        "require_bytes('context', context)",
    ): "the transcript that absorbs the context asks for bytes too",
    (
        f"{_REFERENCE}/representation.py::verify_representation",
        "check",
        "count of decode_points('T', proof[:POINT_BYTES], 1)",
    ): "the length of the proof has been checked",
    (
        f"{_REFERENCE}/representation.py::verify_representation",
        "check",
        "require_bytes('proof', proof)",
    ): "the decoder of its parts asks for bytes too",
    (
        f"{_REFERENCE}/row_proof.py::decode_row_proof",
        "check",
        "count of decode_points('the points', data[:at], shape.points)",
    ): "the length of the proof has been checked",
    (
        f"{_REFERENCE}/row_proof.py::decode_row_proof",
        "check",
        "count of decode_scalars('the scalars', data[at:], shape.scalars)",
    ): "the length of the proof has been checked",
}

_KERNEL: Final = "prover/kernel/src"
KERNEL: Final[dict[Key, str]] = {
    (
        f"{_KERNEL}/rows/relation.rs",
        "refusal",
        "digits.is_empty()",
    ): "a relation without digits has no form, and one without forms no term, which is refused",
    (
        f"{_KERNEL}/rows/relation.rs",
        "refusal",
        "forms.is_empty()",
    ): "a relation without forms has no term, which is refused",
    (
        f"{_KERNEL}/representation.rs",
        "refusal",
        "commitment.is_zero()",
    ): "of the prover; derived nonces vanish with a probability of 2^-254",
    (
        f"{_KERNEL}/rows/verify.rs",
        "weight",
        ".bytes(&[&digests]) -> .bytes(&[if # { &[] } else { &digests[..] }])",
    ): "weights from the operating system's randomness alone are good; the digests help where it is bad",
    (
        f"{_KERNEL}/rows/verify.rs",
        "weight",
        "Prf::new(entropy)? -> Prf::new(if # { &[] } else { entropy })?",
    ): "weights from the digests alone are those of a random oracle; a test cannot tell",
}
