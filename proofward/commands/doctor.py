"""`proofward doctor`: look for what is wrong, and say what to do about it."""

from pathlib import Path
from typing import Annotated

import typer

from proofward.commands.report import Exit, JsonOption, reporting


def doctor(
    directory: Annotated[
        Path, typer.Argument(help="The directory of a node or hub; without one only the installation is checked.")
    ] = Path(),
    json: JsonOption = False,
) -> None:
    """Check this installation, and the configuration of a node or hub."""
    with reporting(json) as report:
        from proofward.doctor import Verdict, installation, run
        from proofward.doctor_deployment import deployment

        findings = run([*installation(directory), *deployment(directory)])
        marks = {Verdict.OK: "ok", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED", Verdict.UNKNOWN: "?"}
        for finding in findings:
            report.say(f"{marks[finding.verdict]:8} {finding.name:14} {finding.detail}")
            if finding.advice:
                report.say(f"{'':24}-> {finding.advice}")
        verdicts = {finding.verdict for finding in findings}
        code = Exit.REFUSED if Verdict.FAILED in verdicts else Exit.CANNOT_TELL if Verdict.UNKNOWN in verdicts else Exit.OK
        report.result({"findings": [finding.to_dict() for finding in findings], "exit_code": int(code)})
        raise typer.Exit(code)
