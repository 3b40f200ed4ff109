"""Formulas mean what they mean to patsy, and whatever else is refused in words."""

import random

import patsy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName, QueryUnsupported
from circuits.schema import parse_schema
from circuits.statistics.formula import MAX_TERMS, Formula, parse_formula
from protocol.errors import ProofwardError

SCHEMA = parse_schema(
    'name = "visits"\n'
    + "".join(
        f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = -3\nmax = 3\n' for name in ("y", "a", "b", "c", "class")
    )
    + '[[columns]]\nname = "weight"\ntype = "decimal"\nscale = 1\nmin = 0.0\nmax = 99.9\n'
    + '[[columns]]\nname = "wide"\ntype = "integer"\nmin = 0\nmax = 256\n'
    + '[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["f", "m"]\n'
    + '[[columns]]\nname = "smoked"\ntype = "boolean"\n'
    + '[[columns]]\nname = "day"\ntype = "date"\nmin = 2020-01-01\nmax = 2020-12-31\n'
)


def terms(formula: Formula) -> list[str]:
    return [*(["Intercept"] if formula.intercept else []), *map(str, formula.terms)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ a + b", ["Intercept", "a", "b"]),
        ("y~a*b", ["Intercept", "a", "b", "a:b"]),
        ("y ~ a*b*c - a:b:c", ["Intercept", "a", "b", "a:b", "c", "a:c", "b:c"]),
        ("y ~ a:b + b:a + a:a", ["Intercept", "a:b", "a"]),
        ("y ~ (a + b):c", ["Intercept", "a:c", "b:c"]),
        ("y ~ a - 1", ["a"]),
        ("y ~ 0 + a", ["a"]),
        ("y ~ -1 + a", ["a"]),
        ("y ~ a + 0 + 1", ["Intercept", "a"]),
        ("y ~ 1", ["Intercept"]),
        ("y ~ C(a) + sex:smoked", ["Intercept", "C(a)", "sex:smoked"]),
        ("y ~ class + A", ["Intercept", "class", "a"]),
        ("y ~\n a +\n b", ["Intercept", "a", "b"]),
        ("y ~ a + C(a) + sex + C(sex)", ["Intercept", "a", "C(a)", "sex"]),
    ],
)
def test_formulas_are_read(text: str, expected: list[str]) -> None:
    assert terms(parse_formula(text, SCHEMA)) == expected


def test_columns_come_once_and_the_outcome_first() -> None:
    assert parse_formula("y ~ a*b + C(a)", SCHEMA).columns == ("y", "a", "b")


@pytest.mark.parametrize("seed", range(200))
def test_expansion_is_that_of_patsy(seed: int) -> None:
    rng = random.Random(seed)

    def expression(depth: int) -> str:
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(["a", "b", "c", "C(a)", "sex", "smoked"])
        operator = rng.choice(["+", "+", "*", ":", "-"])
        return f"({expression(depth - 1)} {operator} {expression(depth - 1)})"

    right = f"{expression(3)} {rng.choice(['', '- 1', '+ 0', '+ 1', '+ b*c', '- a'])}"
    description = patsy.ModelDesc.from_formula(f"y ~ {right}")
    ours = parse_formula(f"y ~ {right}", SCHEMA)
    theirs = [term.name() for term in description.rhs_termlist]
    assert set(map(frozenset, (name.split(":") for name in terms(ours)))) == set(
        map(frozenset, (name.split(":") for name in theirs))
    )
    assert len(terms(ours)) == len(theirs)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", QuerySyntax),
        ("y", QuerySyntax),
        ("y ~ a ~ b", QuerySyntax),
        ("y ~", QuerySyntax),
        ("y ~ +", QuerySyntax),
        ("y ~ a b", QuerySyntax),
        ("y ~ (a", QuerySyntax),
        ("y ~ a)", QuerySyntax),
        ("y ~ a) + (b", QuerySyntax),
        ("y ~ a::b", QuerySyntax),
        ("y ~ -a + b", QueryUnsupported),
        ("y ~ a:-1", QueryUnsupported),
        ("y ~ a**2", QueryUnsupported),
        ("y ~ a* *b", QuerySyntax),
        ("y ~ a^2", QueryUnsupported),
        ("y ~ a # b", QueryUnsupported),
        ("y ~ log(a)", QueryUnsupported),
        ("y ~ C(a, b)", QueryUnsupported),
        ("y ~ C(1)", QueryUnsupported),
        ("y ~ C()", QueryUnsupported),
        ("y ~ a(b)", QueryUnsupported),
        ("y ~ 2", QueryUnsupported),
        ("y ~ 0b1", QueryUnsupported),
        ("y ~ 1e0", QueryUnsupported),
        ("y ~ a:1", QueryUnsupported),
        ("y ~ a/b", QueryUnsupported),
        ("y ~ a.b", QueryUnsupported),
        ("y ~ __import__('os')", QueryUnsupported),
        ("y ~ é", QueryUnsupported),
        ("log(y) ~ a", QueryUnsupported),
        ("y + a ~ b", QueryUnsupported),
        ("y ~ a + y", QueryUnsupported),
        ("y ~ C(y)", QueryUnsupported),
        ("y ~ nothing", QueryUnknownName),
        ("nothing ~ a", QueryUnknownName),
        ("y ~ True", QueryUnknownName),
        ("y ~ day", QueryType),
        ("y ~ C(day)", QueryType),
        ("y ~ C(weight)", QueryType),
        ("y ~ C(wide)", QueryType),
        ("y ~ " + "a" * 2000, QueryTooLarge),
        ("a" * 3000 + " ~ b", QueryTooLarge),
        ("y ~ " + "(" * 900 + "a" + ")" * 900, QueryTooLarge),
        ("y ~ " + "-" * 1900 + "a", QueryTooLarge),
    ],
)  # fmt: skip
def test_bad_formulas_are_refused_with_a_hint(text: str, error: type[ProofwardError]) -> None:
    with pytest.raises(error) as raised:
        parse_formula(text, SCHEMA)
    assert raised.value.hint


def test_at_most_forty_terms() -> None:
    columns = "".join(f'[[columns]]\nname = "x{i}"\ntype = "boolean"\n' for i in range(60))
    schema = parse_schema(f'name = "t"\n{columns}')
    everything = "+".join(f"x{i}" for i in range(1, MAX_TERMS + 1))
    assert len(parse_formula(f"x0 ~ {everything}", schema).terms) == MAX_TERMS
    for right in (f"{everything} + x50", f"({everything})*({everything})", ":".join(f"x{i}" for i in range(1, 8))):
        with pytest.raises(QueryTooLarge):
            parse_formula(f"x0 ~ {right}", schema)


@given(st.text(alphabet="yabC()~:*+- 01\n_'\"\\", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = terms(parse_formula(text, SCHEMA))
    except ProofwardError as error:
        read = [error.hint or ""]
    assert all(read)
