"""`proofward schema`: draft a schema from a file, check a schema."""

from pathlib import Path
from typing import Annotated, Any

import typer

from proofward.commands.report import JsonOption, reporting

app = typer.Typer(help="Describe a table: types, domains, units.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(help="A CSV or Parquet file.", exists=True, dir_okay=False)]


@app.command()
def infer(
    file: FileArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it here instead of printing it.", dir_okay=False)
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite.")] = False,
    json: JsonOption = False,
) -> None:
    """Draft a schema from a file, to be read and corrected: a file shows what occurs, not what may occur."""
    with reporting(json) as report:
        from mpc_nodes.data_infer import infer_schema
        from proofward.files import write_new

        text = infer_schema(file)
        if output is not None:
            write_new(output, text.encode(), overwrite=force)
            report.say(f"{output}: a draft; correct domains, units and codes before you register anything with it")
        else:
            report.say(text.rstrip("\n"))
        report.result({"schema_toml": text, "path": None if output is None else str(output)})


@app.command()
def check(
    schema: Annotated[Path, typer.Argument(help="A schema.toml.", exists=True, dir_okay=False)],
    data: Annotated[
        Path | None, typer.Option(help="Also check every value of this CSV or Parquet file.", exists=True, dir_okay=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check a schema, and that a table obeys it. Nothing is registered."""
    with reporting(json) as report:
        from circuits.encode import encode_chunks
        from circuits.schema import load_schema
        from mpc_nodes.data_source import open_source
        from proofward.files import file_source

        loaded = load_schema(schema)
        members = loaded.canonical()
        report.table(
            f"{loaded.name}: {loaded.title}",
            ["column", "type", "domain", "null", "unit", "values"],
            [
                [
                    column.name,
                    column.type,
                    _domain(column.canonical()),
                    "yes" if column.nullable else "no",
                    column.unit,
                    column.size,
                ]
                for column in loaded.columns
            ],
        )
        if loaded.checks:
            report.table("no row may break", ["rule", "check"], [[each.name, each.text] for each in loaded.checks])
        chunks = 0
        if data is not None:
            with open_source(file_source(data), root=data.absolute().parent) as source:
                chunks = sum(1 for _ in encode_chunks(source, loaded))
            report.say(f"every value of {data} is inside its domain" + (", every rule is kept" if loaded.checks else ""))
        report.say(f"schema hash {loaded.hash}")
        report.result({"schema": members, "hash": loaded.hash, "data": None if data is None else {"chunks": chunks}})


def _domain(column: dict[str, Any]) -> str:
    if "codes" in column:
        return ", ".join(column["codes"])
    return f"{column['min']} to {column['max']}" if "min" in column else "false, true"
