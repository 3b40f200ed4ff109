"""Comparisons of groups: means, shares, contingency tables and risks.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_comparisons.py
"""

import os
from pathlib import Path

from proofward import Client, connect

ADULTS = "age >= 20"


def main(client: Client, dataset: str = "nhanes") -> None:
    """Do men and women, smokers and others, and people of different origin differ?"""
    results = {
        "ttest": client.ttest("bmi", by="sex", where=ADULTS, dataset=dataset),
        "anova": client.anova("systolic", by="origin", where=ADULTS, dataset=dataset),
        "proportion": client.proportion("insured", by="origin", where=ADULTS, dataset=dataset),
        "chisquare": client.chisquare("smoked", "diabetes", where=ADULTS, dataset=dataset),
        "fisher": client.fisher("sex", "smoked", where="age >= 75", dataset=dataset),
        "risk": client.risk("smoked", "insured", where=ADULTS, dataset=dataset),
        # As if men and women were equally many.
        "standardized": client.standardized_rate("smoked", "sex", {"female": 1, "male": 1}, where=ADULTS, dataset=dataset),
    }
    for name, result in results.items():
        print(result.summary())
        result.plot().save(f"{name}.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
