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
    """Four hospitals, three questions, three audits, two forgeries. Ends with `demo: OK`, or with an error."""
    with reporting(json) as report:
        import shutil
        import tempfile

        from proofward.demo import run_demo
        from proofward.demo_processes import Stopped, stop_on_signals
        from proofward.demo_show import Show
        from proofward.files import new_directory

        quiet_log()
        directory = Path(tempfile.mkdtemp(prefix="proofward-demo-")) if keep is None else new_directory(keep)
        try:
            with stop_on_signals():
                outcome = run_demo(directory.resolve(), Show(to_stderr=json), stay=stay)
        except Stopped as stopped:
            report.say("demo: stopped, every process has ended")
            raise typer.Exit(128 + stopped.number) from None
        finally:
            if keep is None:
                shutil.rmtree(directory, ignore_errors=True)
        total = sum(outcome.seconds.values())
        report.say(f"demo: OK ({total:.1f} s)" if keep is None else f"demo: OK ({total:.1f} s, kept in {keep})")
        report.result(outcome.to_dict())
