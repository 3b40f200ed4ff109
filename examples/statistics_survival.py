"""Time to an event: survival curves with the log-rank test. Asks a table with the schema `examples/lung.toml`.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_survival.py
"""

import os
from pathlib import Path

from proofward import Client, connect


def main(client: Client, dataset: str = "lung") -> None:
    """Do women with lung cancer live longer than men?"""
    result = client.survival("days", "died", by="sex", intervals=40, dataset=dataset)
    print(result.summary())
    ((chi_square, df, p),) = result.tables["log_rank"].rows
    print(f"log-rank: chi-square {chi_square:.2f} with {df} degree of freedom, p {p:.4f}")
    result.plot().save("survival.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
