"""Relations: one encoding each, and every bound of docs/spec/05-argument.md, section 1."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.columns import Digit
from circuits.relation import LinearForm
from circuits.relation import Relation as CircuitRelation
from protocol.errors import MalformedInput
from protocol.parameters import GROUP_ORDER
from prover.errors import KernelArgumentInvalid
from prover.reference.relation import decode_relation
from tests.malicious.relation import Form, RowRelation, Term

SCALARS = st.integers(0, GROUP_ORDER - 1)
ONE = (((0, (1,)),),)  # the form of a digit with one value


@st.composite
def relations(draw: st.DrawFn) -> RowRelation:
    values = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    subsets = st.sets(st.integers(0, len(values) - 1), min_size=1).map(sorted)

    def form() -> Form:
        return tuple((d, tuple(draw(st.lists(SCALARS, min_size=values[d], max_size=values[d])))) for d in draw(subsets))

    def term(forms: int) -> Term:
        return draw(SCALARS), tuple(sorted(draw(st.lists(st.integers(0, forms - 1), min_size=1, max_size=6))))

    forms = tuple(form() for _ in range(draw(st.integers(1, 3))))
    terms = tuple(term(len(forms)) for _ in range(draw(st.integers(1, 3))))
    return RowRelation(values, forms, terms, tuple(draw(subsets)) if draw(st.booleans()) else ())


@given(relations())
def test_what_is_encoded_is_decoded(relation: RowRelation) -> None:
    decoded = decode_relation(relation.encode())
    forms = tuple(tuple((digit, tuple(weights)) for digit, weights in form) for form in decoded.forms)
    assert RowRelation(decoded.digits, forms, decoded.terms, decoded.boolean) == relation
    assert (decoded.degree, decoded.selector_bits) == (relation.degree, relation.selector_bits)


@given(relations())
def test_circuits_write_what_the_reference_reads(relation: RowRelation) -> None:
    digits = tuple(Digit(f"d{index}", position=0, values=values, weight=1) for index, values in enumerate(relation.values))
    own = CircuitRelation(digits, tuple(map(LinearForm, relation.forms)), relation.terms, relation.boolean)
    decoded = decode_relation(own.encode())
    assert own.encode() == relation.encode()
    assert (decoded.degree, decoded.selector_bits) == (own.degree, own.selector_bits)


@given(relations(), st.data())
def test_damaged_bytes_are_refused_or_are_another_relation(relation: RowRelation, data: st.DataObject) -> None:
    encoded = bytearray(relation.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_relation(bytes(encoded))
    except MalformedInput:
        return
    forms = tuple(tuple((digit, tuple(weights)) for digit, weights in form) for form in decoded.forms)
    assert RowRelation(decoded.digits, forms, decoded.terms, decoded.boolean).encode() == bytes(encoded)


@given(relations())
def test_every_prefix_and_every_extension_is_refused(relation: RowRelation) -> None:
    encoded = relation.encode()
    for other in (*(encoded[:length] for length in range(len(encoded))), encoded + b"\x00", encoded + bytes(4)):
        with pytest.raises(MalformedInput):
            decode_relation(other)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_decoded(data: bytes) -> None:
    try:
        decode_relation(data)
    except MalformedInput as error:
        assert error.message  # noqa: PT017 - most examples are refused, none with another error


def bad_relations() -> Iterator[tuple[str, RowRelation]]:
    two = (((0, (1,)), (1, (1, 1))), ((1, (0, 1)),))
    one = ((1, (0,)),)
    yield "no digit", RowRelation((), ONE, one)
    yield "a digit without values", RowRelation((0,), (((0, ()),),), one)
    yield "a digit with 257 values", RowRelation((257,), (((0, (1,) * 257),),), one)
    yield "no form", RowRelation((1,), (), one)
    yield "a form without parts", RowRelation((1,), ((),), one)
    yield "a form of an unknown digit", RowRelation((1,), (((1, (1,)),),), one)
    yield "digits of a form decrease", RowRelation((1, 2), (two[0][::-1], two[1]), one)
    yield "a digit twice in a form", RowRelation((1,), (((0, (1,)), (0, (1,))),), one)
    yield "too few weights", RowRelation((2,), ONE, one)
    yield "too many weights", RowRelation((1,), (((0, (1, 1)),),), one)
    yield "no term", RowRelation((1,), ONE, ())
    yield "a term without factors", RowRelation((1,), ONE, ((1, ()),))
    yield "seven factors", RowRelation((1,), ONE, ((1, (0,) * 7),))
    yield "an unknown form", RowRelation((1,), ONE, ((1, (1,)),))
    yield "factors decrease", RowRelation((1, 2), two, ((1, (1, 0)),))
    yield "an unknown boolean digit", RowRelation((1,), ONE, one, (1,))
    yield "a boolean digit twice", RowRelation((1,), ONE, one, (0, 0))
    yield "boolean digits decrease", RowRelation((1, 2), two, one, (1, 0))
    yield "4096 forms", RowRelation((1,), ONE * 4096, one)
    yield "4095 forms and a boolean digit", RowRelation((1,), ONE * 4095, one, (0,))


BAD = dict(bad_relations())


@pytest.mark.parametrize("relation", BAD.values(), ids=BAD.keys())
def test_each_bound_is_checked(relation: RowRelation) -> None:
    with pytest.raises(MalformedInput):
        decode_relation(relation.encode())


@pytest.mark.parametrize(
    "relation",
    [
        RowRelation((256,), (((0, (1,) * 256),),), ((0, (0,) * 6),), (0,)),
        RowRelation((1,), ONE * 4095, ((1, (4094,)),)),
        RowRelation((1,), ONE * 4094, ((1, (4093,)),), (0,)),
    ],
    ids=["256 values", "4095 forms", "4094 forms and a boolean digit"],
)
def test_each_bound_can_be_met(relation: RowRelation) -> None:
    assert len(decode_relation(relation.encode()).forms) == len(relation.forms)


@pytest.mark.parametrize("place", ["weight", "coefficient"])
def test_scalars_are_canonical(place: str) -> None:
    good = RowRelation((1,), (((0, (5,)),),), ((7, (0,)),)).encode()
    old = (5 if place == "weight" else 7).to_bytes(32, "big")
    assert good.count(old) == 1
    for value in (GROUP_ORDER, (1 << 256) - 1):
        with pytest.raises(MalformedInput):
            decode_relation(good.replace(old, value.to_bytes(32, "big")))


@pytest.mark.parametrize(
    ("boolean", "factors", "degree", "bits"),
    [((), 1, 1, 0), ((), 6, 6, 0), ((0,), 1, 2, 0), ((0,), 3, 3, 0), ((1,), 1, 2, 1), ((0, 2), 1, 2, 8), ((3,), 1, 2, 3)],
)
def test_degree_and_selector_bits(boolean: tuple[int, ...], factors: int, degree: int, bits: int) -> None:
    relation = RowRelation((1, 2, 256, 5), ONE, ((1, (0,) * factors),), boolean)
    decoded = decode_relation(relation.encode())
    assert (decoded.degree, decoded.selector_bits) == (degree, bits)


def test_only_bytes_are_read() -> None:
    with pytest.raises(KernelArgumentInvalid):
        decode_relation("00" * 40)  # type: ignore[arg-type]
