"""`proofward demo`: everything at once, on this machine, with real data."""

from pathlib import Path
from typing import Annotated

import typer

from proofward.commands.report import JsonOption, quiet_log, reporting


def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Do everything in this new directory and keep it.", file_okay=False)
    ] = None,
    stay: Annotated[bool, typer.Option(help="Keep everything running afterwards, until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> None:
    """Four hospitals, three questions, audits by two verifiers, three forgeries. Ends with `demo: OK`, or with an error."""
    with reporting(json) as report:
        import shutil
        import tempfile

        from proofward.files import new_directory

        quiet_log()
        directory = Path(tempfile.mkdtemp(prefix="proofward-demo-")) if keep is None else new_directory(keep)
        try:
            from proofward.demo import run_demo
            from proofward.demo_processes import Stopped, stop_on_signals
            from proofward.demo_show import Show

            with stop_on_signals(), run_demo(directory.resolve(), Show(to_stderr=json)) as finished:
                where = "" if keep is None else f", kept in {keep}"
                report.result(finished.outcome.to_dict())
                report.say(f"demo: OK ({finished.outcome.total:.1f} s{where})")
                if stay:
                    finished.stay()
        except Stopped as stopped:
            report.say("demo: stopped, every process has ended")
            raise typer.Exit(128 + stopped.number) from None
        finally:
            if keep is None:
                shutil.rmtree(directory, ignore_errors=True)
