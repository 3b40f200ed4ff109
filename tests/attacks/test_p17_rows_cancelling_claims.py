"""P17: in zero mode a row that is not boolean cannot pay for a row relation that does not hold.

Both parts are one sum over the rows. Were they added with one weight, a digit with the same error b^2 - b in all its values
would cancel a constraint that is wrong by minus that, for all challenges: the honest prover's messages would be accepted.
"""

from dataclasses import replace

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from prover.reference import row_statement
from tests.malicious import prover as malicious_prover
from tests.malicious.algebra import invert, stream
from tests.malicious.prover import prove
from tests.malicious.relation import RowRelation
from tests.malicious.table import Claim, Codes, Table, Witness, row_values, zero_claim
from tests.malicious.verifiers import assert_accepted, assert_refused

ROWS, COLUMNS = 8, 4


def square_root(value: int) -> int | None:
    """A root modulo r, or None (Tonelli and Shanks: r - 1 = 2^28 q)."""
    q, s, non_residue = GROUP_ORDER - 1, 0, 5
    while q % 2 == 0:
        q, s = q // 2, s + 1
    if value % GROUP_ORDER == 0 or pow(value, (GROUP_ORDER - 1) // 2, GROUP_ORDER) != 1:
        return None
    c, t, root = pow(non_residue, q, GROUP_ORDER), pow(value, q, GROUP_ORDER), pow(value, (q + 1) // 2, GROUP_ORDER)
    while t != 1:
        i, square = 0, t
        while square != 1:
            square, i = square * square % GROUP_ORDER, i + 1
        b = pow(c, 1 << s - i - 1, GROUP_ORDER)
        s, c, t, root = i, b * b % GROUP_ORDER, t * b * b % GROUP_ORDER, root * b % GROUP_ORDER
    return root


def cancelling_entries(K: int) -> list[int]:
    """K entries with one b^2 - b = v and with sum_t b(t) - 1 = -v / K: `ones` of them b, the others 1 - b."""
    for ones in range(K + 1):
        # ones b + (K - ones)(1 - b) - 1 = -(b^2 - b) / K
        linear, constant = K * (2 * ones - K) - 1, K * (K - ones - 1)
        root = square_root(linear * linear - 4 * constant)
        if root is not None:
            b = (root - linear) * invert(2) % GROUP_ORDER
            if b not in (0, 1):
                return [b] * ones + [(1 - b) % GROUP_ORDER] * (K - ones)
    raise LookupError(f"no such entries for {K} values")


def relation(K: int, weight: int = 1) -> RowRelation:
    """Digit 1 has K values, is boolean, and has one value where digit 0 is present."""
    forms = (((0, (1,)),), ((1, (1,) * K),))
    return RowRelation((1, K), forms, ((weight, (1,)), (-weight % GROUP_ORDER, (0,))), boolean=(1,))


def table(K: int, entries: list[int]) -> Table:
    """Every row is present and has these entries."""
    owned = Codes(((0,) * ROWS, (0,) * ROWS), (b"present", b"digit"), bytes(32))
    honest = Table.of_codes(owned, (1, K), COLUMNS)
    return replace(honest, b=(honest.b[0], tuple((entry,) * ROWS for entry in entries)))


def forged(K: int) -> tuple[Claim, bytes]:
    """A false claim about a table of such entries, and what the honest prover says to it."""
    false = table(K, cancelling_entries(K))
    claim = zero_claim(relation(K), false)
    return claim, prove(claim.statement(reference.Transcript), Witness(false), entropy=stream("cancelling"))


@pytest.mark.parametrize("K", [4, 8, 16, 32])
def test_entries_that_are_not_boolean_cannot_pay_for_a_constraint(K: int) -> None:
    entries = cancelling_entries(K)
    false = table(K, entries)
    error = row_values(relation(K), false)[0]
    assert (entries[0] ** 2 - entries[0] + K * error) % GROUP_ORDER == 0 != error
    assert_refused(*forged(K), "product")


@pytest.mark.parametrize("K", [4, 8, 16, 32])
def test_with_one_weight_for_both_parts_the_same_proof_is_accepted(K: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forgery: nothing but the power of alpha at which boolean digits begin, moved to 0, for prover and verifier."""
    monkeypatch.setattr(malicious_prover, "FIRST_POWER", 0)
    monkeypatch.setattr(row_statement, "FIRST_POWER", 0)
    claim, proof = forged(K)
    reference.verify_rows([claim.instance(reference.Transcript, proof)])
    monkeypatch.undo()
    assert_refused(claim, proof, "product")


def test_a_digit_of_one_value_cannot_pay_for_a_constraint() -> None:
    # No rounds over t: b^2 - b + (b - s) = 0 for s = b^2. Digit 0 is the s, digit 1 the b.
    K = 1
    false = replace(table(K, [7]), b=(((49,) * ROWS,), ((7,) * ROWS,)))
    claim = zero_claim(relation(K), false)
    proof = prove(claim.statement(reference.Transcript), Witness(false), entropy=stream("cancelling"))
    assert_refused(claim, proof, "product")


@pytest.mark.parametrize("K", [1, 4])
def test_the_true_statement_is_accepted(K: int) -> None:
    true = table(K, [1] + [0] * (K - 1))
    claim = zero_claim(relation(K), true)
    assert_accepted(claim, prove(claim.statement(reference.Transcript), Witness(true), entropy=stream("cancelling")))


def test_two_constraints_of_opposite_errors_are_refused_if_their_weights_differ() -> None:
    # The same row breaks two constraints by 1 and -1: beta and beta^2 keep them apart.
    true = table(4, [1, 0, 0, 0])
    beta = 0x1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0
    forms = (((0, (1,)),), ((1, (1, 1, 1, 1)),))
    terms = ((beta, (1,)), (beta * beta, (0,)), (-2 * beta * beta % GROUP_ORDER, (1,)))  # 1 != 0 and 1 - 2 != 0
    claim = zero_claim(RowRelation((1, 4), forms, terms, boolean=(1,)), true)
    assert_refused(claim, prove(claim.statement(reference.Transcript), Witness(true)), "product")
