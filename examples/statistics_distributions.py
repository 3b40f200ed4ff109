"""Distributions: histograms, quantiles, medians and cross tables.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_distributions.py
"""

import os
from pathlib import Path

from proofward import Client, connect

ADULTS = "age >= 20"


def main(client: Client, dataset: str = "nhanes") -> None:
    """How body mass index, blood pressure and smoking are distributed among adults."""
    histogram = client.histogram("bmi", bins=24, by="sex", where=ADULTS, dataset=dataset)
    print(histogram.summary())
    histogram.plot().save("histogram.html")

    # The bounds of the World Health Organization: a bin begins at each edge.
    print(client.histogram("bmi", bins=[18.5, 25, 30, 35, 40], where=ADULTS, dataset=dataset).summary())

    # Quantiles are searched for in several rounds, each with its own proof.
    print(client.median("systolic", by="sex", where=ADULTS, dataset=dataset).summary())
    deciles = client.quantiles("bmi", 10, where=ADULTS, dataset=dataset)
    print(deciles.summary())
    deciles.plot().save("quantiles.html")

    table = client.crosstab("health", "smoked", where=ADULTS, dataset=dataset)
    print(table.to_pandas().pivot(index="health", columns="smoked", values="count"))
    table.plot().save("crosstab.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
