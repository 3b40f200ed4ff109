"""Ask a running service one question and keep the evidence. Try it beside `proofward demo --stay`, which says what to set.

PROOFWARD_URL=... PROOFWARD_API_KEY=... PROOFWARD_TRUST=... python examples/ask.py
"""

import os
from pathlib import Path

from proofward import connect

SQL = "SELECT sex, COUNT(*) AS people, AVG(systolic) AS mean_systolic FROM nhanes WHERE age >= 20 GROUP BY sex"

with connect(os.environ["PROOFWARD_URL"], trust=Path(os.environ["PROOFWARD_TRUST"])) as client:
    result = client.query(SQL, purpose="research")

# What is printed here has been verified on this machine: see the last line.
print(result)
print("evidence:", result.attestation.save("answer.bundle.json"))
