"""P18: two proofs share nothing that is random: not of one statement, not of one prover, not with a bad random generator."""

import os
from collections import Counter
from dataclasses import replace

import pytest

from protocol.parameters import GROUP_ORDER
from prover import kernel_backend, reference
from tests.malicious.algebra import invert, scalars_of, stream
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import elements
from tests.malicious.prover import Lies, prove
from tests.malicious.simulator import simulate
from tests.malicious.transcripts import RecordingTranscript, deaf_to
from tests.malicious.verifiers import assert_accepted, check

PROOFS = 200


def native(known: Honest, context: bytes = b"", entropy: bytes | None = None) -> bytes:
    """A proof of the kernel; `entropy` is a broken generator that always returns the same."""
    statement = replace(known.claim, context=known.claim.context + context).statement(kernel_backend.Transcript)
    source = os.urandom if entropy is None else lambda count: (entropy * count)[:count]
    return kernel_backend.prove_rows(statement, known.row_witness(), entropy=source)


def pieces(known: Honest, proof: bytes) -> list[bytes]:
    return [element.of(proof) for element in elements(known.claim)]


@pytest.mark.parametrize("mode", MODES)
def test_two_hundred_proofs_of_one_statement_share_no_point_and_no_scalar(mode: str) -> None:
    known = honest(mode, 8, 4, 3)
    proofs = [native(known) for _ in range(PROOFS)]
    check("kernel", (known.claim, proofs[0]), (known.claim, proofs[-1]))
    seen = Counter(piece for proof in proofs for piece in pieces(known, proof))
    assert seen.most_common(1)[0][1] == 1
    # Opposite masks would be as bad as equal ones: x-coordinates alone do not repeat either.
    points = [piece[:32] for proof in proofs for piece in pieces(known, proof) if len(piece) == 64]
    assert len(set(points)) == len(points)


@pytest.mark.parametrize("mode", MODES)
def test_folded_proofs_share_nothing_either(mode: str) -> None:
    known = honest(mode, 512, 512, 513)
    seen = Counter(piece for _ in range(5) for piece in pieces(known, native(known)))
    assert seen.most_common(1)[0][1] == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stuck", [b"\x00", b"\xff"])
def test_a_generator_that_is_stuck_does_not_repeat_a_mask_under_another_statement(mode: str, stuck: bytes) -> None:
    """One mask under two challenges gives the secret away, so masks depend on the statement and the dataset's secret too."""
    known = honest(mode, 8, 4, 3)
    first, again = native(known, b"1", stuck), native(known, b"1", stuck)
    assert first == again  # the same messages to the last byte show nothing new
    second = native(known, b"2", stuck)
    third = native(replace(known, codes=replace(known.codes, key=bytes(32))), b"1", stuck)
    shared = Counter([*pieces(known, first), *pieces(known, second), *pieces(known, third)])
    assert shared.most_common(1)[0][1] == 1


@pytest.mark.parametrize("mode", MODES)
def test_no_two_masks_of_one_proof_are_related(mode: str) -> None:
    """s* = d + c s: with two equal masks a difference of responses over c would be a small difference of secrets."""
    known = honest(mode, 8, 4, 3)
    proof = native(known)
    statement = known.claim.statement(RecordingTranscript)
    reference.verify_rows([replace(known.claim.instance(RecordingTranscript, proof), statement=statement)])
    (c,) = statement.transcript.heard(b"c")
    inverse = invert(c)
    responses = [scalars_of(element.of(proof))[0] for element in elements(known.claim) if not element.is_point]
    for place, first in enumerate(responses):
        for second in responses[place + 1 :]:
            difference = (first - second) * inverse % GROUP_ORDER
            assert min(difference, GROUP_ORDER - difference) > 1 << 128


@pytest.mark.parametrize("mode", MODES)
def test_a_repeated_mask_shows_the_witness_which_is_why_masks_are_drawn_anew(mode: str) -> None:
    """What a prover that repeats its masks would lose: the rows. The repeated T is there for everybody to see."""
    known = honest(mode, 8, 4, 3)
    seen: list[list[int]] = []
    mask = [11, 12, 13, 14, 15, 16]  # of z', zeta and theta of the rows, for C = 4

    def keep(z: list[int]) -> list[int]:
        seen.append(z)
        return z

    results = []
    for context in (b"1", b"2"):
        claim = replace(known.claim, context=context)
        statement = claim.statement(RecordingTranscript)
        lies = Lies({"mask rows": lambda _: mask, "rows z": keep})
        proof = prove(statement, known.witness, lies=lies, entropy=stream(f"repeat {context!r}"))
        assert_accepted(claim, proof)
        by_name = {element.name: element for element in elements(claim)}
        (c,) = statement.transcript.heard(b"c")
        results.append((c, [scalars_of(by_name[f"rows z {k}"].of(proof))[0] for k in range(4)]))
    for (c, responses), z in zip(results, seen, strict=True):
        recovered = [(s - d) * invert(c) % GROUP_ORDER for s, d in zip(responses, mask, strict=False)]
        assert recovered == [entry % GROUP_ORDER for entry in z]


@pytest.mark.parametrize("mode", MODES)
def test_a_proof_can_be_made_without_the_witness_if_the_last_challenge_is_chosen(mode: str) -> None:
    """The simulator of section 12: its proofs pass every equation, so a proof shows nothing that needs a witness."""
    known = honest(mode, 8, 4, 3)
    deaf = deaf_to(b"masks")
    simulated = [simulate(known.claim, deaf, stream(f"simulated {number}")) for number in range(2)]
    for proof in simulated:
        assert len(proof) == len(native(known))
        reference.verify_rows([known.claim.instance(deaf, proof)])
    shared = Counter(piece for proof in simulated for piece in pieces(known, proof))
    assert shared.most_common(1)[0][1] == 1
