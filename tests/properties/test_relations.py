"""The relation of a plan, read from one-hot columns modulo the group order, is the weighted sum of the plan's cells."""

import os
import random

import pytest

from circuits.chunk import EncodedChunk
from circuits.encode import encode_chunks
from circuits.errors import PlanTooComplex
from circuits.evaluate import evaluate
from circuits.plan import MAX_PROVED, Plan, compile_query
from circuits.relation import cell_weights, contribution_relation
from circuits.sql import parse
from protocol.parameters import GROUP_ORDER, MAX_FACTORS, SCALAR_BYTES
from tests.properties.onehot import row_of, row_value, shape
from tests.properties.visits import SCHEMA, RandomQuery, Rows, random_rows

QUERIES = int(os.environ.get("PROOFWARD_RELATION_QUERIES", "300"))
BATCHES = 6
ROWS = 12


def small_chunk(rng: random.Random) -> EncodedChunk:
    (chunk,) = encode_chunks(Rows(random_rows(rng, ROWS)), SCHEMA, chunk_rows=1024)
    return chunk


def random_plan(rng: random.Random) -> Plan:
    while True:
        try:
            return compile_query(parse(RandomQuery(rng).text(), SCHEMA), SCHEMA)
        except PlanTooComplex:
            continue


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_relation_of_a_plan_sums_to_its_weighted_cells(batch: int) -> None:
    rng = random.Random(9000 + batch)
    for _ in range(QUERIES // BATCHES):
        plan, chunk = random_plan(rng), small_chunk(rng)
        gamma = rng.choice([1, 2, GROUP_ORDER - 1, rng.randrange(GROUP_ORDER)])
        relation = contribution_relation(plan, gamma)
        cells = evaluate(plan, [chunk])
        expected = sum(pow(gamma, k, GROUP_ORDER) * cell for k, cell in enumerate(cells)) % GROUP_ORDER
        rows = [row_of(chunk, index) for index in range(ROWS + 1)]
        found = [row_value(relation, row) for row in rows]
        assert found[-1] == 0, "padding adds nothing"
        assert sum(found) % GROUP_ORDER == expected, plan.query.canonical()
        weights = cell_weights(plan, gamma)
        numbers = [int.from_bytes(weights[i : i + SCALAR_BYTES], "big") for i in range(0, len(weights), SCALAR_BYTES)]
        assert numbers == [pow(gamma, k, GROUP_ORDER) for k in range(plan.cells)]


def test_the_shape_of_a_relation_follows_from_the_plan_alone() -> None:
    rng = random.Random(77)
    for _ in range(100):
        plan = random_plan(rng)
        relations = [contribution_relation(plan, gamma) for gamma in (0, 1, 3, GROUP_ORDER - 1, rng.randrange(GROUP_ORDER))]
        assert all(shape(relation) == shape(relations[0]) for relation in relations)
        assert len({len(relation.encode()) for relation in relations}) == 1


def test_every_relation_is_one_that_the_argument_takes() -> None:
    rng = random.Random(78)
    for _ in range(150):
        plan = random_plan(rng)
        relation = contribution_relation(plan, rng.randrange(GROUP_ORDER))
        assert 1 <= relation.degree <= max(1, plan.degree) <= MAX_FACTORS
        assert relation.boolean == ()
        assert relation.selector_bits == 0
        order = {digit: index for index, digit in enumerate(SCHEMA.digits)}
        places = [order[digit] for digit in relation.digits]
        assert places == sorted(set(places))
        assert 1 <= len(relation.forms) <= MAX_PROVED
        assert {digit for form in relation.forms for digit, _ in form.parts} == set(range(len(relation.digits)))
        assert {index for _, factors in relation.terms for index in factors} == set(range(len(relation.forms)))
        for form in relation.forms:
            digits = [digit for digit, _ in form.parts]
            assert digits == sorted(set(digits))
            assert all(len(weights) == relation.digits[digit].values for digit, weights in form.parts)
            assert all(0 <= weight < GROUP_ORDER for _, weights in form.parts for weight in weights)
        for coefficient, factors in relation.terms:
            assert 0 <= coefficient < GROUP_ORDER
            assert list(factors) == sorted(factors)
        assert len({factors for _, factors in relation.terms}) == len(relation.terms)


def test_a_condition_that_is_never_true_has_the_term_zero() -> None:
    plan = compile_query(parse("SELECT COUNT(*), SUM(age) FROM visits WHERE stay > 5 GROUP BY sex", SCHEMA), SCHEMA)
    relation = contribution_relation(plan, 5)
    assert [digit.name for digit in relation.digits] == ["present"]
    assert [form.parts for form in relation.forms] == [((0, (1,)),)]
    assert relation.terms == ((0, (0,)),)
