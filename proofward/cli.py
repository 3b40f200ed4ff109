"""The command line: only the wiring. Each noun is one file of `proofward/commands`.

Exit codes: 0 done or verified, 1 refused or failed, 2 wrong usage or not possible to tell.
"""

import os
import sys
from typing import Annotated

import typer

from proofward.commands import audit, buyer, consortium, dataset, demo, doctor, keys, log, report, run, schema, statistics
from protocol.errors import ProofwardError

app = typer.Typer(
    name="proofward",
    help="Verified statistics over data that never leaves the hospital.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from protocol.parameters import PROTOCOL_VERSION

        typer.echo(f"proofward {version('proofward')}, protocol {PROTOCOL_VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Verified statistics over data that never leaves the hospital."""


_HOSPITALS, _HUB, _BUYERS, _AUDITORS, _EVERYBODY = "Hospitals", "Hub", "Buyers", "Auditors", "Everybody"

app.command(rich_help_panel=_EVERYBODY)(demo.demo)
app.command(rich_help_panel=_EVERYBODY)(doctor.doctor)
app.add_typer(consortium.app, name="consortium", rich_help_panel=_EVERYBODY)
app.add_typer(schema.app, name="schema", rich_help_panel=_HOSPITALS)
app.add_typer(dataset.app, name="dataset", rich_help_panel=_HOSPITALS)
app.add_typer(run.node, name="node", rich_help_panel=_HOSPITALS)
app.add_typer(log.app, name="log", rich_help_panel=_HOSPITALS)
app.add_typer(run.hub, name="hub", rich_help_panel=_HUB)
app.add_typer(keys.app, name="keys", rich_help_panel=_HUB)
app.command(rich_help_panel=_BUYERS)(buyer.query)
app.command(rich_help_panel=_BUYERS)(buyer.explain)
app.command(rich_help_panel=_BUYERS)(buyer.status)
app.command(rich_help_panel=_BUYERS)(buyer.evidence)
app.command(rich_help_panel=_BUYERS)(buyer.datasets)
app.command(rich_help_panel=_BUYERS)(buyer.attestations)
app.command(rich_help_panel=_BUYERS)(statistics.statistics)
app.command(rich_help_panel=_AUDITORS)(audit.audit)


def main() -> None:
    """Run the command line.

    An unexpected error is one line with its type and place: its message may hold values. PROOFWARD_TRACEBACK shows all of it.
    """
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(report.Exit.INTERRUPTED)
    except Exception as error:  # the outermost edge: every error gets an exit code
        if os.environ.get("PROOFWARD_TRACEBACK"):
            raise
        unexpected = ProofwardError(f"unexpected {type(error).__name__} at {_place(error)}", hint="run proofward doctor")
        report.print_error(unexpected, json="--json" in sys.argv)
        sys.exit(report.Exit.REFUSED)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown" if trace is None else f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
