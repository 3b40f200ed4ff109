"""How good a score is: ROC curve and calibration. Asks a table with the schema `examples/lung.toml`.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_diagnostic.py
"""

import os
from pathlib import Path

from proofward import Client, connect


def main(client: Client, dataset: str = "lung") -> None:
    """Does the predicted risk tell who dies within a year, and do as many die as it says?"""
    curve = client.roc("risk", "died_within_year", dataset=dataset)
    print(curve.summary())
    curve.plot().save("roc.html")

    calibration = client.calibration("risk", "died_within_year", bins=5, dataset=dataset)
    print(calibration.summary())
    calibration.plot().save("calibration.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
