"""`proofward dataset`: commit to a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proofward.commands.report import JsonOption, quiet_log, reporting

if TYPE_CHECKING:
    from mpc_nodes.data_config import SourceConfig

app = typer.Typer(help="A hospital's tables.", no_args_is_help=True)


@app.callback()
def _tables() -> None:
    """A hospital's tables."""


@app.command()
def register(
    node: Annotated[Path, typer.Argument(metavar="NODE", help="The node's node.toml.", exists=True, dir_okay=False)],
    schema: Annotated[Path, typer.Option(help="The schema.toml that all hospitals agreed on.", exists=True, dir_okay=False)],
    file: Annotated[
        str | None, typer.Option(metavar="NAME", help="A CSV or Parquet file below the node's directory of tables.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="A source.toml, for example for a PostgreSQL table.", exists=True, dir_okay=False)
    ] = None,
    epoch: Annotated[int | None, typer.Option(min=1, help="Number of this version [default: the next].")] = None,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Processor cores to use.")] = 1,
    json: JsonOption = False,
) -> None:
    """Commit to a table as the next epoch of its dataset and put its root on chain. A value that is refused is named."""
    with reporting(json) as report:
        from circuits.schema import load_schema
        from mpc_nodes.node_main import register_dataset

        quiet_log()
        if (file is None) == (source is None):
            raise typer.BadParameter("give either --file or --source")
        loaded = load_schema(schema)
        rows = _file(file) if file is not None else _source(source or Path())
        with report.steps(f"committing to {loaded.name}") as step:
            signed = register_dataset(
                node,
                schema=loaded,
                source=rows,
                epoch=epoch,
                threads=threads,
                progress=lambda chunk, digit: step(f"chunk {chunk + 1}, {digit}"),
            )
        registration = signed.registration
        report.say(f"dataset {registration.dataset}, epoch {registration.epoch}: registered and on chain")
        report.say(f"root {registration.root}")
        report.result(
            {
                "dataset": registration.dataset,
                "epoch": registration.epoch,
                "root": registration.root,
                "schema_hash": registration.schema_hash,
                "chunks": registration.chunks,
            }
        )


def _file(name: str) -> "SourceConfig":
    from proofward.files import file_source

    return file_source(Path(name), path=name)


def _source(path: Path) -> "SourceConfig":
    import tomllib

    from mpc_nodes.data_config import parse_source_config
    from proofward.errors import FileUnusable

    try:
        members: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileUnusable("not a TOML document", where=str(path)) from error
    return parse_source_config(members)
