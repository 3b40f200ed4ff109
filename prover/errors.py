"""The errors of commitments, shares and proofs. The kernel and the reference raise the same classes.

`from_kernel` is the one place where a code that Rust reports becomes a class.
"""

from protocol.errors import Kind, MalformedInput, ProofwardError


class PointInvalid(MalformedInput):
    """Bytes are not the canonical encoding of a point of BN254 G1."""

    code = "point-invalid"


class ScalarInvalid(MalformedInput):
    """Bytes are not the canonical encoding of a scalar below the group order."""

    code = "scalar-invalid"


class EncodingLengthInvalid(MalformedInput):
    """A vector of points or scalars has the wrong number of bytes."""

    code = "encoding-length-invalid"


class KernelArgumentInvalid(ProofwardError):
    """A function was called with an argument of the wrong type or out of its range."""

    code = "kernel-argument-invalid"
    kind = Kind.INVALID


class KernelFailed(ProofwardError):
    """The kernel failed in a way that is a bug: a panic or an impossible state."""

    code = "kernel-failed"
    kind = Kind.INTERNAL


class OpeningMismatch(ProofwardError):
    """A commitment does not open to the values and the blinder that are claimed."""

    code = "opening-mismatch"
    kind = Kind.REFUSED


class ShareMismatch(ProofwardError):
    """A share vector does not lie on the committed polynomials."""

    code = "share-mismatch"
    kind = Kind.REFUSED


class ShareIndexInvalid(ProofwardError):
    """A share index is not one of 1..n, or occurs twice."""

    code = "share-index-invalid"
    kind = Kind.REFUSED


class SharesInsufficient(ProofwardError):
    """Fewer than threshold + 1 shares are at hand."""

    code = "shares-insufficient"
    kind = Kind.UNAVAILABLE


class CommitmentCountInvalid(ProofwardError):
    """The coefficient commitments would raise or lower the threshold: wrong number, or a vanishing leading one."""

    code = "commitment-count-invalid"
    kind = Kind.REFUSED


class RepresentationInvalid(ProofwardError):
    """A proof of representation fails."""

    code = "representation-invalid"
    kind = Kind.REFUSED


class DigitCodeInvalid(ProofwardError):
    """A digit code is neither below the number of values nor the code of an absent row."""

    code = "digit-code-invalid"
    kind = Kind.INVALID


class ChunkInvalid(ProofwardError):
    """A chunk of encoded rows does not have the shape that was announced."""

    code = "chunk-invalid"
    kind = Kind.INVALID


class InclusionInvalid(ProofwardError):
    """A Merkle inclusion proof does not lead from the leaf to the root."""

    code = "inclusion-invalid"
    kind = Kind.REFUSED


class RowProofInvalid(ProofwardError):
    """A proof of the row argument fails (docs/spec/05-argument.md).

    Attributes:
        where: the step that failed: relation, commitments, length, encoding, identity, rounds, evaluations, cells, rows or
            product.
        index: which of the proofs that were checked together.
    """

    code = "row-proof-invalid"
    kind = Kind.REFUSED

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None, index: int = 0) -> None:
        super().__init__(message, hint=hint, where=where)
        self.index = index


class ContributionProofInvalid(ProofwardError):
    """A hospital's contribution does not follow from its committed table. `where` and `index` as for a row proof."""

    code = "contribution-proof-invalid"
    kind = Kind.REFUSED

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None, index: int = 0) -> None:
        super().__init__(message, hint=hint, where=where)
        self.index = index


class AdmissionProofInvalid(ProofwardError):
    """A committed table is not shown to obey its schema. `where` names the chunk, the part and the step."""

    code = "admission-proof-invalid"
    kind = Kind.REFUSED


class PackageInvalid(ProofwardError):
    """The evidence about a dataset is not what its registration says."""

    code = "package-invalid"
    kind = Kind.REFUSED


_FROM_KERNEL: dict[str, type[ProofwardError]] = {
    error.code: error
    for error in (
        PointInvalid,
        ScalarInvalid,
        EncodingLengthInvalid,
        KernelArgumentInvalid,
        KernelFailed,
        OpeningMismatch,
        ShareMismatch,
        ShareIndexInvalid,
        SharesInsufficient,
        CommitmentCountInvalid,
        RepresentationInvalid,
        DigitCodeInvalid,
    )
}


def from_kernel(code: str, message: str, index: int = 0, step: str | None = None) -> ProofwardError:
    """The error of a kernel code; a code without a class is itself a kernel failure. Row proofs come with index and step."""
    if code == RowProofInvalid.code:
        return RowProofInvalid(message, where=step, index=index)
    return _FROM_KERNEL.get(code, KernelFailed)(message)
