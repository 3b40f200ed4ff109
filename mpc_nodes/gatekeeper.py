"""The gatekeeper: a hospital's own yes or no to an offer.

A verdict is a function of the offer, its plan, the policy and (for the rate) the access log. It never looks at data, so a
refusal says nothing about patients (attacks.md I8).
"""

from dataclasses import dataclass

from mpc_nodes.errors import (
    PolicyAggregate,
    PolicyBuyer,
    PolicyCells,
    PolicyColumn,
    PolicyDataset,
    PolicyPublication,
    PolicyPurpose,
    PolicyRate,
)
from mpc_nodes.policy import Limits, Policy, Rule
from protocol.query import Publication

RATE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Application:
    """What an offer asks for, in the terms of a policy.

    Attributes:
        columns: every column that the plan reads, in SELECT, WHERE and GROUP BY, spelled as in the schema.
        aggregates: the aggregate functions, by their SQL names.
        cells: how many numbers are opened.
        recent: queries of this buyer that this hospital allowed in the last 24 hours.
    """

    buyer: str
    purpose: str
    dataset: str
    publication: Publication
    columns: frozenset[str]
    aggregates: frozenset[str]
    cells: int
    recent: int


class Gatekeeper:
    """Decides by a policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def limits(self) -> Limits:
        """The bounds that the hospital sets on answers."""
        return self._policy.limits

    def check(self, application: Application) -> None:
        """Allow, by returning. The rules are narrowed one condition at a time; the first that leaves none is the reason.

        Raises:
            PolicyBuyer, PolicyPurpose, PolicyDataset, PolicyPublication, PolicyColumn, PolicyAggregate: no rule allows it.
            PolicyCells, PolicyRate: it is beyond a limit.
        """
        rules: tuple[Rule, ...] = self._policy.allow
        rules = tuple(rule for rule in rules if application.buyer in rule.buyers)
        if not rules:
            raise PolicyBuyer(f"the policy does not know the buyer {application.buyer}")
        rules = tuple(rule for rule in rules if application.purpose in rule.purposes)
        if not rules:
            raise PolicyPurpose(f"the policy does not allow {application.buyer} the purpose {application.purpose}")
        rules = tuple(rule for rule in rules if application.dataset in rule.datasets)
        if not rules:
            raise PolicyDataset(f"the policy does not allow the dataset {application.dataset} for this purpose")
        rules = tuple(rule for rule in rules if application.publication in rule.publication)
        if not rules:
            raise PolicyPublication(f"the policy does not allow the publication {application.publication!r}")
        if not any(rule.allows_columns(application.columns) for rule in rules):
            raise PolicyColumn(_columns_message(rules, application.columns))
        rules = tuple(rule for rule in rules if rule.allows_columns(application.columns))
        rules = tuple(rule for rule in rules if application.aggregates <= set(rule.aggregates))
        if not rules:
            raise PolicyAggregate("the policy does not allow these aggregates on these columns")
        if application.cells > self.limits.max_cells:
            raise PolicyCells(f"the answer has {application.cells} cells, the policy allows {self.limits.max_cells}")
        if application.recent >= self.limits.queries_per_day:
            raise PolicyRate(f"the policy allows {self.limits.queries_per_day} queries of one buyer in 24 hours")


def _columns_message(rules: tuple[Rule, ...], columns: frozenset[str]) -> str:
    refused = sorted(column for column in columns if not any(rule.allows_columns(frozenset({column})) for rule in rules))
    if refused:
        return f"the policy does not allow the column {refused[0]}"
    return "the policy allows these columns one by one, but in no single rule together"
