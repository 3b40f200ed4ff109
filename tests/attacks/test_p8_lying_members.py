"""P8, P9: members that lie together. Signatures stop up to t of them; the audit equation stops all of them."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import prover
from attestation.audit import audit
from attestation.chain_errors import ChainArgumentInvalid
from attestation.eip712 import sign_attestation
from attestation.errors import VerificationFailed
from attestation.sign import attestation_fields, domain
from attestation.statement import build_statement, result_digest
from attestation.verify import verify_bundle
from protocol import canonical
from protocol.errors import ProofwardError
from protocol.messages import Round
from protocol.parameters import GROUP_ORDER
from protocol.signatures import sign_message
from protocol.statement import Aggregate, Sha256, Statement, Subject
from tests.vectors.bundles.forge import as_json, changed, replaced, with_payload
from tests.vectors.bundles.world import BY_SEX, BY_SEX_AND_SMOKER, COUNT, Answer, World

WORLD = World()
COUNTED = WORLD.ask(COUNT, label="lying", publication="aggregate")
GROUPED = WORLD.ask(BY_SEX, label="lying in groups")
SUPPRESSED = WORLD.ask(BY_SEX_AND_SMOKER, label="lying about few", minimum_cohort=10)


def stating(answer: Answer, cells: Sequence[int | None], **members: Any) -> Statement:
    """A statement with these cells, in all else consistent: null cells are the suppressed ones, the table follows."""
    aggregate = changed(
        answer.statement.predicate.aggregate,
        cells=tuple(None if cell is None else str(cell) for cell in cells),
        suppressed=tuple(k for k, cell in enumerate(cells) if cell is None),
        **members,
    )
    try:
        subject = (Subject(result=Sha256(sha256=result_digest(answer.plan, list(cells), 1))),)
    except (ProofwardError, ArithmeticError):  # no table follows from such cells
        subject = answer.statement.subject
    return changed(answer.statement, subject=subject, predicate=changed(answer.statement.predicate, aggregate=aggregate))


def refused(answer: Answer, statement: Statement) -> VerificationFailed:
    """How a bundle is refused that all members signed."""
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(answer.bundle_of(statement), WORLD.trust, WORLD.datasets)
    return raised.value


def cells_of(answer: Answer) -> list[int | None]:
    return [None if cell is None else int(cell) for cell in answer.statement.predicate.aggregate.cells]


def raised(cells: Sequence[int | None], at: int, by: int) -> list[int | None]:
    return [cell if k != at or cell is None else cell + by for k, cell in enumerate(cells)]


def test_the_forgery_itself_is_sound() -> None:
    for answer in (COUNTED, GROUPED, SUPPRESSED):
        assert stating(answer, cells_of(answer)) == answer.statement
        verify_bundle(answer.bundle_of(answer.statement), WORLD.trust, WORLD.datasets)


# The total.


@pytest.mark.parametrize("by", [1, -1, 7])
@pytest.mark.parametrize("answer", [COUNTED, GROUPED, SUPPRESSED], ids=lambda answer: answer.label)
def test_a_wrong_cell_is_refused_though_every_member_signs_it(answer: Answer, by: int) -> None:
    cells = cells_of(answer)
    for k, cell in enumerate(cells):
        if cell is not None:
            assert refused(answer, stating(answer, raised(cells, k, by))).step == "aggregate"


def test_a_value_moved_between_cells_is_refused() -> None:
    cells = cells_of(GROUPED)
    assert refused(GROUPED, stating(GROUPED, raised(raised(cells, 0, 1), 1, -1))).step == "aggregate"


def test_another_blinding_is_refused() -> None:
    honest = int(COUNTED.statement.predicate.aggregate.blinding or "", 16)
    for blinding in (honest + 1, 0, GROUP_ORDER - honest):
        forged = stating(COUNTED, cells_of(COUNTED), blinding=f"{blinding:064x}")
        assert refused(COUNTED, forged).step == "aggregate"


def test_a_scalar_above_the_group_order_is_refused() -> None:
    honest = int(COUNTED.statement.predicate.aggregate.blinding or "", 16)
    forged = stating(COUNTED, cells_of(COUNTED), blinding=f"{honest + GROUP_ORDER:064x}")
    with pytest.raises(ChainArgumentInvalid):  # what the contract checks has no such value, so nobody can sign it
        COUNTED.bundle_of(forged)
    assert step_of(with_payload(as_json(COUNTED.bundle), as_json(forged), WORLD)).step == "signatures"
    digest_only = stating(GROUPED, cells_of(GROUPED), blinding=f"{GROUP_ORDER:064x}")
    assert refused(GROUPED, digest_only).step == "aggregate"


@pytest.mark.parametrize("cell", [-1, GROUP_ORDER // 2, 10**60])
def test_a_cell_that_no_tables_can_have_is_refused(cell: int) -> None:
    # A negative count is smaller than every cohort, and must be hidden; a huge one is not what the commitments open to.
    step = "disclosure" if cell < 0 else "aggregate"
    assert refused(GROUPED, stating(GROUPED, [cell, *cells_of(GROUPED)[1:]])).step == step


def test_a_sum_larger_than_its_rows_allow_is_refused() -> None:
    cells = cells_of(GROUPED)
    family = GROUPED.plan.families[-1]
    rows = cells[0] or 0
    impossible = [*cells[: family.first], rows * family.bound_per_row + 1, *cells[family.first + 1 :]]
    assert refused(GROUPED, stating(GROUPED, impossible)).step == "aggregate"


# Contributions that do not follow from the table: everything else is in order, and signed by every member.


@pytest.mark.parametrize("by", [1, -1, 5, -10_000, GROUP_ORDER // 3], ids=["more", "less", "several", "negative", "huge"])
@pytest.mark.parametrize("sql", [COUNT, BY_SEX], ids=["count", "groups"])
def test_a_contribution_that_is_not_what_the_table_gives_is_refused(sql: str, by: int) -> None:
    answer = WORLD.ask(
        sql, label="overstated", minimum_cohort=0,
        lie=lambda index, cells: [*cells[:-1], cells[-1] + by] if index == 2 else cells,
    )  # fmt: skip
    error = refused_bundle(answer)
    assert (error.step, error.number) == ("proofs", 12)
    assert "member 2" in error.message


def test_two_lies_that_cancel_out_are_refused() -> None:
    # The total is right; but one hospital's numbers are not its table's, and who subtracts the others' learns that.
    def lie(index: int, cells: list[int]) -> list[int]:
        return [cells[0] + {2: 1, 3: -1}.get(index, 0), *cells[1:]]

    answer = WORLD.ask(COUNT, label="cancelling", lie=lie)
    assert answer.statement.predicate.aggregate.cells == COUNTED.statement.predicate.aggregate.cells
    assert refused_bundle(answer).step == "proofs"


def test_the_table_is_made_of_proven_cells_only() -> None:
    # An audit goes on behind a step that failed, but not into formulas with numbers that no tables can have.
    lied = WORLD.ask(BY_SEX, label="lying in a group", lie=lambda index, cells: [cells[0] + (index == 2), *cells[1:]])
    absurd = GROUPED.bundle_of(stating(GROUPED, [10**60] * GROUPED.plan.cells))
    for bundle, failed, number in ((lied.bundle, "proofs", 12), (absurd, "aggregate", 15)):
        checks = {check.name: check for check in audit(bundle.encoded, WORLD.trust, datasets=WORLD.datasets).checks}
        assert str(checks[failed].outcome) == "fail"
        assert checks["result"].reason == f"needs step {number} ({failed})"


def refused_bundle(answer: Answer) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(answer.bundle, WORLD.trust, WORLD.datasets)
    return raised.value


def test_a_wrong_table_is_refused() -> None:
    subject = (Subject(result=Sha256(sha256=result_digest(GROUPED.plan, raised(cells_of(GROUPED), 0, 1), 1))),)
    assert refused(GROUPED, changed(GROUPED.statement, subject=subject)).step == "result"


# Suppression.


def test_a_small_cohort_that_is_shown_is_refused() -> None:
    # All members together know the cells; they open what the rule protects, with the right blinding.
    secrets = SUPPRESSED.secrets
    full = build_statement(
        consortium=WORLD.consortium,
        chain=WORLD.chain,
        offer=SUPPRESSED.offer,
        plan=SUPPRESSED.plan,
        contributions=[SUPPRESSED.dealt[i].contribution for i in SUPPRESSED.qualified],
        freeze=changed(SUPPRESSED.frozen, minimum_cohort=0),
        decisions=SUPPRESSED.decided,
        secrets=secrets,
    )
    aggregate = full.predicate.aggregate
    assert aggregate.suppressed == ()
    shown = changed(
        SUPPRESSED.statement,
        subject=full.subject,
        predicate=changed(SUPPRESSED.statement.predicate, aggregate=aggregate),
    )
    assert refused(SUPPRESSED, shown).step == "disclosure"


def test_a_cell_suppressed_without_reason_is_refused() -> None:
    cells = cells_of(SUPPRESSED)
    # A sum whose cohort is visible and large; a count whose dependants stay visible.
    for hidden in ([k for k, cell in enumerate(cells) if cell is not None][-1], 0):
        statement = stating(SUPPRESSED, [None if k == hidden else cell for k, cell in enumerate(cells)])
        assert refused(SUPPRESSED, statement).step == "disclosure"


def test_a_blinding_next_to_suppressed_cells_is_refused() -> None:
    statement = stating(SUPPRESSED, cells_of(SUPPRESSED), blinding=SUPPRESSED.secrets[:32].hex())
    assert refused(SUPPRESSED, statement).step == "aggregate"
    replaced_proof = stating(SUPPRESSED, cells_of(SUPPRESSED), blinding=SUPPRESSED.secrets[:32].hex(), representation=None)
    assert refused(SUPPRESSED, replaced_proof).step == "aggregate"


def test_a_representation_of_another_query_is_refused() -> None:
    other = WORLD.ask(BY_SEX_AND_SMOKER, label="other suppression", minimum_cohort=10)
    assert other.statement.predicate.aggregate.suppressed == SUPPRESSED.statement.predicate.aggregate.suppressed
    proof = other.statement.predicate.aggregate.representation
    assert refused(SUPPRESSED, stating(SUPPRESSED, cells_of(SUPPRESSED), representation=proof)).step == "aggregate"


@pytest.mark.parametrize("name", ["empty", "zeros", "short", "long", "another_context", "one_index_more"])
def test_a_representation_that_does_not_fit_is_refused(name: str) -> None:
    aggregate: Aggregate = SUPPRESSED.statement.predicate.aggregate
    proof = bytes.fromhex(aggregate.representation or "")
    witness = SUPPRESSED.secrets[:32] + b"".join(SUPPRESSED.secrets[32 * (k + 1) :][:32] for k in aggregate.suppressed)
    indices = [0, *(k + 1 for k in aggregate.suppressed)]
    freeze = bytes.fromhex(SUPPRESSED.frozen.digest)
    assert prover.prove_representation(indices, witness, context=freeze, nonce_seed=b"") == proof
    extra = next(k + 1 for k in range(SUPPRESSED.plan.cells) if k not in aggregate.suppressed)
    more = sorted([*indices, extra])
    longer = b"".join(SUPPRESSED.secrets[32 * i : 32 * i + 32] for i in more)
    bad = {
        "empty": b"",
        "zeros": bytes(len(proof)),
        "short": proof[:-32],
        "long": proof + bytes(32),
        "another_context": prover.prove_representation(indices, witness, context=b"other", nonce_seed=b""),
        # It would let a visible cell be wrong, if the verifier took the indices from the proof.
        "one_index_more": prover.prove_representation(more, longer, context=freeze, nonce_seed=b""),
    }[name]
    assert refused(SUPPRESSED, stating(SUPPRESSED, cells_of(SUPPRESSED), representation=bad.hex())).step == "aggregate"


# Signatures and freezes.


def step_of(bundle: Any) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(canonical.encode(bundle), WORLD.trust, WORLD.datasets)
    return raised.value


def test_t_members_are_too_few() -> None:
    bundle = as_json(COUNTED.bundle)
    for count in (1, 0):
        error = step_of(replaced(bundle, ("envelope", "signatures"), bundle["envelope"]["signatures"][:count]))
        assert error.step == "signatures"
        assert "2 are needed" in error.message


def test_one_member_cannot_sign_twice() -> None:
    bundle = as_json(COUNTED.bundle)
    first = bundle["envelope"]["signatures"][0]
    assert step_of(replaced(bundle, ("envelope", "signatures"), [first, first])).step == "signatures"


def test_a_stranger_cannot_sign() -> None:
    stranger = World(n=7, patients=1)
    answer = COUNTED
    bundle = as_json(answer.bundle)
    member = stranger.consortium.member(7)
    statement = answer.statement
    signature = sign_attestation(stranger.account(7), domain(statement), attestation_fields(statement))
    entry = {"keyid": member.address, "sig": base64.b64encode(signature).decode()}
    listed = sorted([*bundle["envelope"]["signatures"], entry], key=lambda item: str(item["keyid"]))
    error = step_of(replaced(bundle, ("envelope", "signatures"), listed))
    assert (error.step, error.message) == ("signatures", f"{member.address} is not a member")
    # Under a member's name it is not that member's.
    renamed = replaced(bundle, ("envelope", "signatures", 0, "sig"), entry["sig"])
    assert "is not over this statement" in step_of(renamed).message


def test_a_wrong_signature_beside_enough_good_ones_is_refused() -> None:
    bundle = as_json(COUNTED.bundle)
    good = bundle["envelope"]["signatures"]
    spare = next(m.address for m in WORLD.consortium.members if m.address not in {entry["keyid"] for entry in good})
    listed = sorted([*good, {"keyid": spare, "sig": good[0]["sig"]}], key=lambda item: str(item["keyid"]))
    assert step_of(replaced(bundle, ("envelope", "signatures"), listed)).step == "signatures"


def test_fewer_than_a_quorum_cannot_freeze() -> None:
    bundle = as_json(COUNTED.bundle)
    error = step_of(replaced(bundle, ("freezes",), bundle["freezes"][:2]))
    assert (error.step, error.message) == ("freeze", "2 members froze the set, a quorum is 3")
    twice = [bundle["freezes"][0], bundle["freezes"][1], bundle["freezes"][1]]
    assert step_of(replaced(bundle, ("freezes",), twice)).step == "freeze"


def test_a_forged_freeze_is_refused() -> None:
    bundle = as_json(COUNTED.bundle)
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    forged = sign_message(stranger, WORLD.consortium, COUNTED.offer.query_id, Round.FREEZE, 3, COUNTED.frozen)
    assert step_of(replaced(bundle, ("freezes", 2), as_json(forged))).step == "freeze"


def test_a_quorum_for_two_different_sets_is_refused() -> None:
    bundle = as_json(COUNTED.bundle)
    smaller = changed(COUNTED.frozen, qualified=(1, 2), contributions=COUNTED.frozen.contributions[:2])
    message = WORLD.message(COUNTED, Round.FREEZE, 3, smaller)
    error = step_of(replaced(bundle, ("freezes", 2), as_json(message)))
    assert (error.step, error.message) == ("freeze", "member 3 froze another set than the statement says")


def test_a_part_cannot_be_left_out_of_the_statement() -> None:
    # The hub and t members drop a hospital after the freeze, to learn its contribution by subtracting two totals.
    bundle = as_json(COUNTED.bundle)
    predicate = COUNTED.statement.predicate
    dropped = changed(COUNTED.statement, predicate=changed(predicate, parts=predicate.parts[:3]))
    forged = as_json(COUNTED.bundle_of(dropped))
    assert step_of(forged).step == "participants"
    assert len(bundle["contributions"]) == 4
