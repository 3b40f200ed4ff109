"""Regression and relations of several columns: linear models, correlations, principal components.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_regression.py
"""

import os
from pathlib import Path

from proofward import Client, connect

ADULTS = "age >= 20"


def main(client: Client, dataset: str = "nhanes") -> None:
    """What systolic blood pressure goes with."""
    model = client.linear("systolic ~ age + C(sex) + bmi", where=ADULTS, dataset=dataset)
    print(model.summary())
    print(model.to_pandas("covariance"))
    model.plot().save("coefficients.html")

    columns = ("age", "bmi", "systolic", "cholesterol")
    correlation = client.correlation(*columns, where=ADULTS, dataset=dataset)
    print(correlation.summary())
    correlation.plot().save("correlation.html")

    components = client.pca(*columns, where=ADULTS, dataset=dataset)
    print(components.summary())
    components.plot().save("scree.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
