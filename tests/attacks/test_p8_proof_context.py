"""P8: proofs of one context in another, each named in a contribution or registration that its hospital signs, so that no
digest and no signature can notice. Only the proof itself can: its statement has every field of what carries it.
"""

from collections.abc import Callable
from functools import cache

import pytest

from attestation.errors import VerificationFailed
from attestation.verify import verify_bundle
from protocol.parameters import POINT_BYTES
from tests.vectors.bundles.forge import changed
from tests.vectors.bundles.world import COUNT, Answer, World

WORLD = World()
OTHER_SQL = COUNT.replace("40", "41")


@cache
def other_epoch() -> World:
    return World(epoch=2)


@cache
def chunked() -> World:
    """Tables of three chunks of the same padded size."""
    return World(patients=2100)


def refused(answer: Answer, datasets: dict[str, bytes] | None = None) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(answer.bundle, answer.world.trust, datasets or answer.datasets)
    return raised.value


def asked(world: World, label: str = "proofs", sql: str = COUNT, **how: object) -> Answer:
    return world.ask(sql, label=label, **how)


def test_the_evidence_is_good_where_it_belongs() -> None:
    for world in (WORLD, other_epoch(), chunked()):
        verify_bundle(asked(world).bundle, world.trust, world.datasets)


PROOFS: dict[str, Callable[[], bytes]] = {
    "another_query": lambda: asked(WORLD, "another").dealt[2].proof,
    "another_question": lambda: asked(WORLD, sql=OTHER_SQL).dealt[2].proof,
    "another_hospital": lambda: asked(WORLD).dealt[3].proof,
    "another_epoch": lambda: asked(other_epoch()).dealt[2].proof,
    "nothing": lambda: b"",
    "zeros": lambda: bytes(len(asked(WORLD).dealt[2].proof)),
    "short": lambda: asked(WORLD).dealt[2].proof[:-32],
    "long": lambda: asked(WORLD).dealt[2].proof + bytes(32),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_contribution_proof_of_another_context_is_refused(name: str) -> None:
    other = PROOFS[name]()
    answer = asked(WORLD, prove=lambda index, proof: other if index == 2 else proof)
    assert answer.dealt[2].proof == other
    error = refused(answer)
    assert (error.step, error.number) == ("proofs", 12)
    assert "member 2" in error.message


def test_a_proof_of_another_chunk_is_refused() -> None:
    def swap(index: int, proof: bytes) -> bytes:
        half = len(proof) // 3
        return proof[half : 2 * half] + proof[:half] + proof[2 * half :] if index == 2 else proof

    def swap_proofs_alone(index: int, proof: bytes) -> bytes:
        # The chunks' commitments stay, and so does their sum.
        half, point = len(proof) // 3, POINT_BYTES
        first, second = proof[:half], proof[half : 2 * half]
        swapped = first[:point] + second[point:] + second[:point] + first[point:]
        return swapped + proof[2 * half :] if index == 2 else proof

    sizes = [chunk.rows for chunk in chunked().chunks[2]]
    assert sizes[0] == sizes[1]
    for prove in (swap, swap_proofs_alone):
        assert refused(asked(chunked(), prove=prove)).step == "proofs"


def test_the_same_proof_for_two_sharings_is_refused() -> None:
    # A dealer that shares once more would otherwise keep its proof, and with it the choice between two sharings.
    other = asked(WORLD, "another").dealt[2].contribution.sharing

    def edit(document: object) -> object:
        if type(document).__name__ != "Contribution" or document.hospital != 2:  # type: ignore[attr-defined]
            return document
        return changed(document, sharing=other)  # type: ignore[type-var]

    honest = asked(WORLD).dealt[2].proof
    answer = asked(WORLD, edit=edit, prove=lambda index, proof: honest if index == 2 else proof)
    assert refused(answer).step == "proofs"


ADMISSIONS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "another_hospital": lambda _: WORLD.tables[3].admission,
    "another_epoch": lambda _: other_epoch().tables[2].admission,
    "zeros": lambda proofs: [bytes(len(proof)) for proof in proofs],
    "last_byte": lambda proofs: [proof[:-1] + bytes([proof[-1] ^ 1]) for proof in proofs],
}


@pytest.mark.parametrize("name", ADMISSIONS)
def test_an_admission_of_another_context_is_refused(name: str) -> None:
    world = World(admit=lambda index, proofs: ADMISSIONS[name](proofs) if index == 2 else proofs)
    error = refused(asked(world))
    assert (error.step, error.number) == ("admission", 9)
    assert "member 2" in error.message


def test_an_admission_of_another_chunk_is_refused() -> None:
    world = World(
        patients=2100,
        admit=lambda index, proofs: [proofs[1], proofs[0], *proofs[2:]] if index == 2 else proofs,
    )
    assert refused(asked(world)).step == "admission"


@pytest.mark.parametrize("of", ["another_hospital", "another_epoch"])
def test_the_package_of_another_registration_is_refused(of: str) -> None:
    answer = asked(WORLD)
    root = answer.registrations[2].registration.root
    package = WORLD.tables[3].package if of == "another_hospital" else other_epoch().tables[2].package
    error = refused(answer, answer.datasets | {root: package})
    assert (error.step, error.undecided) == ("admission", False)
    assert "another registration" in error.message


def test_a_package_that_somebody_else_signed_is_refused() -> None:
    answer = asked(WORLD)
    signed = answer.registrations[2]
    resigned = changed(signed, signature=answer.registrations[3].signature)
    forged = WORLD.tables[2].package_of(resigned)
    assert refused(answer, answer.datasets | {signed.registration.root: forged}).step == "admission"


def test_without_a_package_nothing_is_said() -> None:
    answer = asked(WORLD)
    root = answer.registrations[2].registration.root
    error = refused(answer, {name: package for name, package in answer.datasets.items() if name != root})
    assert (error.step, error.undecided) == ("admission", True)
    assert root in error.message
    assert error.hint is not None
