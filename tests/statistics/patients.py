"""Made-up patients for statistics: columns of one to four digits, NULLs, negative numbers; and a question for everything."""

import random
from typing import Any, Final

from circuits.schema import parse_schema

SCHEMA: Final = parse_schema("""
name = "patients"
[[columns]]
name = "sex"
type = "category"
codes = ["f", "m"]
nullable = true
[[columns]]
name = "ward"
type = "category"
codes = ["a", "b", "c", "d"]
[[columns]]
name = "smoker"
type = "boolean"
[[columns]]
name = "event"
type = "boolean"
[[columns]]
name = "age"
type = "integer"
min = 0
max = 100
nullable = true
[[columns]]
name = "score"
type = "integer"
min = 0
max = 40
[[columns]]
name = "months"
type = "integer"
min = 0
max = 60
[[columns]]
name = "bmi"
type = "decimal"
scale = 1
min = 10
max = 70
nullable = true
[[columns]]
name = "delta"
type = "decimal"
scale = 2
min = -20
max = 40
nullable = true
[[columns]]
name = "risk"
type = "decimal"
scale = 2
min = 0
max = 1
[[columns]]
name = "cost"
type = "integer"
min = 0
max = 300000
[[columns]]
name = "seen"
type = "date"
min = 2020-01-01
max = 2024-12-31
""")

# One at least for every name of the catalogue: a new statistic without a question here fails the tests that use them.
QUESTIONS: Final = {
    "COUNT": "COUNT(*), COUNT(age)",
    "SUM": "SUM(delta)",
    "AVG": "AVG(bmi)",
    "VAR_SAMP": "VAR_SAMP(age)",
    "VAR_POP": "VAR_POP(delta)",
    "STDDEV_SAMP": "STDDEV_SAMP(cost)",
    "CORR": "CORR(age, bmi)",
    "COVAR_SAMP": "COVAR_SAMP(delta, bmi)",
    "COVAR_POP": "COVAR_POP(score, delta)",
    "WEIGHTED_AVG": "WEIGHTED_AVG(bmi, age)",
    "MIN": "MIN(bmi)",
    "MAX": "MAX(cost)",
    "MEDIAN": "MEDIAN(delta)",
    "QUANTILE": "QUANTILE(bmi, 0.9)",
    "QUANTILE_CONT": "QUANTILE_CONT(cost, 0.3)",
    "HISTOGRAM": "HISTOGRAM(delta, 30)",
    "QUANTILES": "QUANTILES(bmi, 4)",
    "TTEST": "TTEST(bmi, smoker)",
    "ANOVA": "ANOVA(age, ward)",
    "PROPORTION": "PROPORTION(event, ward)",
    "CHISQUARE": "CHISQUARE(sex, ward)",
    "FISHER": "FISHER(smoker, event)",
    "RISK": "RISK(smoker, event)",
    "LINEAR": "LINEAR('bmi ~ age + C(sex) + score:smoker')",
    "CORRELATION": "CORRELATION(age, bmi, delta)",
    "PCA": "PCA(age, bmi, score)",
    "SURVIVAL": "SURVIVAL(months, event, smoker)",
    "STANDARDIZED_RATE": "STANDARDIZED_RATE(event, ward, 4, 3, 2, 1)",
    "ROC": "ROC(score, event)",
    "CALIBRATION": "CALIBRATION(risk, event)",
    "SUMMARY": "SUMMARY(sex, age, bmi, smoker)",
}


def sql_of(name: str, rest: str = "") -> str:
    """The question of a name, with a WHERE or GROUP BY behind it."""
    return f"SELECT {QUESTIONS[name]} FROM patients {rest}".strip()


def random_patients(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows with the usual shapes: skewed costs, an outcome that depends on the score, survival that depends on smoking."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        age = rng.randint(0, 100)
        smoker = rng.random() < 0.4
        score = min(40, max(0, round(rng.gauss(15 + 8 * smoker, 6))))
        months = min(60, int(rng.expovariate(1 / (20 if smoker else 35))))
        rows.append(
            {
                "sex": rng.choice(["f", "f", "m", "m", None]),
                "ward": rng.choice("aabbbccd"),
                "smoker": smoker,
                "event": months < 60 and rng.random() < 0.2 + score / 80,
                "age": None if rng.random() < 0.1 else age,
                "score": score,
                "months": months,
                "bmi": None if rng.random() < 0.1 else min(70, max(10, round(20 + age / 10 + rng.gauss(0, 4), 1))),
                "delta": None if rng.random() < 0.2 else min(40, max(-20, round(rng.gauss(2, 7), 2))),
                "risk": round(score / 40, 2),
                "cost": min(300_000, int(rng.expovariate(1 / 9_000))),
                "seen": None,
            }
        )
    for row in rows:
        row["seen"] = _day(rng)
    return rows


def _day(rng: random.Random) -> Any:
    column = SCHEMA.column("seen")
    return column.value(rng.randrange(column.size))
