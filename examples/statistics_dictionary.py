"""What there is, and what a question would reveal, before anything is asked. Then the data dictionary, verified.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/statistics_dictionary.py
"""

import os
from pathlib import Path

from proofward import Client, connect


def main(client: Client, dataset: str = "nhanes") -> None:
    """Show the columns, the SQL of a question and who would answer it, and ask for the dictionary."""
    for column in client.dataset(dataset)["table_schema"]["columns"]:
        print(f"{column['name']:12} {column['type']:10} {column['unit']:8} {column['description']}")

    sql = client.sql.describe("age", "sex", "bmi", "diabetes", dataset=dataset)
    print(sql)
    explained = client.explain(sql)
    print(f"{explained['cells']} numbers would be opened; {explained['willing']} hospitals would answer")

    result = client.describe("age", "sex", "bmi", "diabetes", dataset=dataset)
    print(result.summary())
    result.plot().save("completeness.html")


if __name__ == "__main__":
    trust = Path(os.environ["PROOFWARD_TRUST"])
    with connect(os.environ["PROOFWARD_URL"], trust=trust, purpose="research") as connected:
        main(connected)
