"""`policy.toml` and the gatekeeper: deny by default, typed refusals, and nothing but offer, policy and log decides."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_nodes.errors import PolicyInvalid
from mpc_nodes.gatekeeper import Application, Gatekeeper
from mpc_nodes.policy import Policy, load_policy, parse_policy
from protocol.errors import ProofwardError
from tests.simulation.direct import POLICY

RULE = """
[[allow]]
buyers = ["acme", "biota"]
purposes = ["research"]
datasets = ["survey"]
columns = ["sex", "age"]
aggregates = ["COUNT", "AVG"]
publication = ["digest"]
"""
ALLOWED = Application(
    buyer="acme",
    purpose="research",
    dataset="survey",
    publication="digest",
    columns=frozenset({"sex", "age"}),
    aggregates=frozenset({"COUNT"}),
    cells=10,
    recent=0,
)


def verdict(policy: Policy, application: Application) -> str | None:
    try:
        Gatekeeper(policy).check(application)
    except ProofwardError as error:
        return error.code
    return None


def test_the_example_is_allowed() -> None:
    assert verdict(parse_policy(RULE), ALLOWED) is None
    assert verdict(parse_policy(RULE), replace(ALLOWED, columns=frozenset(), buyer="biota")) is None


@pytest.mark.parametrize(
    ("application", "code"),
    [
        (replace(ALLOWED, buyer="other"), "policy-buyer"),
        (replace(ALLOWED, purpose="marketing"), "policy-purpose"),
        (replace(ALLOWED, dataset="births"), "policy-dataset"),
        (replace(ALLOWED, publication="aggregate"), "policy-publication"),
        (replace(ALLOWED, columns=frozenset({"age", "name"})), "policy-column"),
        (replace(ALLOWED, aggregates=frozenset({"COUNT", "SUM"})), "policy-aggregate"),
        (replace(ALLOWED, cells=21), "policy-cells"),
        (replace(ALLOWED, recent=5), "policy-rate"),
    ],
)
def test_each_condition_has_its_own_refusal(application: Application, code: str) -> None:
    policy = parse_policy(RULE + "[limits]\nmax_cells = 20\nqueries_per_day = 5\n")
    assert verdict(policy, application) == code
    assert verdict(policy, ALLOWED) is None
    assert verdict(policy, replace(ALLOWED, cells=20, recent=4)) is None


def test_an_empty_policy_refuses_everything() -> None:
    assert verdict(parse_policy(""), ALLOWED) == "policy-buyer"
    assert verdict(parse_policy("[limits]\nminimum_cohort = 5\n"), ALLOWED) == "policy-buyer"


def test_two_rules_do_not_add_up() -> None:
    """Columns that are allowed one by one, in different rules, are not allowed together."""
    policy = parse_policy(RULE.replace('["sex", "age"]', '["sex"]') + RULE.replace('["sex", "age"]', '["age"]'))
    assert verdict(policy, ALLOWED) == "policy-column"
    assert verdict(policy, replace(ALLOWED, columns=frozenset({"age"}))) is None
    crossed = parse_policy(RULE.replace('"digest"', '"aggregate"').replace('"AVG"', '"SUM"') + RULE)
    assert verdict(crossed, replace(ALLOWED, publication="aggregate", aggregates=frozenset({"AVG"}))) == "policy-aggregate"


def test_star_allows_every_column() -> None:
    policy = parse_policy(RULE.replace('["sex", "age"]', '["*"]'))
    assert verdict(policy, replace(ALLOWED, columns=frozenset({"anything"}))) is None


words = st.sampled_from(["acme", "biota", "research", "care", "survey", "births", "sex", "age", "score"])


@given(
    buyers=st.sets(words, min_size=1), datasets=st.sets(words, min_size=1), columns=st.sets(words, min_size=1),
    buyer=words, dataset=words, used=st.frozensets(words),
)  # fmt: skip
def test_allowed_means_that_one_rule_allows_all(
    buyers: set[str], datasets: set[str], columns: set[str], buyer: str, dataset: str, used: frozenset[str]
) -> None:
    def toml(names: set[str]) -> str:
        return str(sorted(names)).replace("'", '"')

    text = (
        f"[[allow]]\nbuyers = {toml(buyers)}\npurposes = ['research']\ndatasets = {toml(datasets)}\n"
        f"columns = {toml(columns)}\naggregates = ['COUNT']\npublication = ['digest']\n"
    )
    application = replace(ALLOWED, buyer=buyer, dataset=dataset, columns=used)
    allowed = buyer in buyers and dataset in datasets and used <= columns
    assert (verdict(parse_policy(text), application) is None) == allowed


def test_defaults_are_careful() -> None:
    limits = parse_policy("").limits
    assert (limits.minimum_cohort, limits.minimum_hospitals, limits.queries_per_day) == (10, 3, 100)


BAD = {
    "unknown key": (RULE + "price = 3\n", "allow.0.price"),
    "unknown table": ("[deny]\nbuyers = []\n", "deny"),
    "missing key": (RULE.replace('purposes = ["research"]\n', ""), "allow.0.purposes"),
    "empty list": (RULE.replace('["research"]', "[]"), "allow.0.purposes"),
    "a name that is no name": (RULE.replace('"acme"', '"Acme Ltd"'), "allow.0.buyers.0"),
    "text for a list": (RULE.replace('["research"]', '"research"'), "allow.0.purposes"),
    "unknown aggregate": (RULE.replace('"AVG"', '"MODE"'), "allow.0.aggregates.1"),
    "unknown publication": (RULE.replace('"digest"', '"everything"'), "allow.0.publication.0"),
    "star and a name": (RULE.replace('["sex", "age"]', '["*", "age"]'), "columns"),
    "a number as text": ("[limits]\nminimum_cohort = '10'\n", "limits.minimum_cohort"),
    "a truth for a number": ("[limits]\nminimum_cohort = true\n", "limits.minimum_cohort"),
    "a fraction": ("[limits]\nminimum_cohort = 2.5\n", "limits.minimum_cohort"),
    "zero": ("[limits]\nminimum_cohort = 0\n", "limits.minimum_cohort"),
    "negative": ("[limits]\nqueries_per_day = -1\n", "limits.queries_per_day"),
    "a hospital alone": ("[limits]\nminimum_hospitals = 1\n", "limits.minimum_hospitals"),
    "not TOML": ("allow = [", "TOML"),
    "a key twice": ("[limits]\nmax_cells = 1\nmax_cells = 2\n", "TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_policy_names_the_key(name: str) -> None:
    text, key = BAD[name]
    with pytest.raises(PolicyInvalid, match=key.replace(".", r"\.")):
        parse_policy(text)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    with pytest.raises(PolicyInvalid, match="cannot read"):
        load_policy(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyInvalid, match="UTF-8"):
        load_policy(path)
    path.write_text("x = 1")
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(path)
    assert caught.value.where == str(path)
    path.write_text("#" * (1 << 20) + "\n")
    with pytest.raises(PolicyInvalid, match="longer"):
        load_policy(path)
    path.write_text(POLICY)
    assert load_policy(path) == parse_policy(POLICY)


def test_the_order_of_rules_and_lists_does_not_matter() -> None:
    rules = [RULE, RULE.replace('"acme", ', ""), RULE.replace('"digest"', '"aggregate"')]
    applications = [replace(ALLOWED, publication=p, buyer=b) for p in ("digest", "aggregate") for b in ("acme", "biota")]
    found = {
        tuple(verdict(parse_policy("".join(order)), application) for application in applications)
        for order in itertools.permutations(rules)
    }
    assert len(found) == 1


def test_the_example_of_the_specification(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "spec" / "06-rounds.md").read_text()
    policy = parse_policy(text.split("```toml")[1].split("```")[0])
    assert policy.limits == parse_policy("").limits  # it shows the defaults
    assert verdict(policy, ALLOWED) is None
