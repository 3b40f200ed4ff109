"""`proofward statistics`: what can be asked."""

from typing import Annotated

import typer

from proofward.commands.report import JsonOption, reporting


def statistics(
    name: Annotated[str | None, typer.Argument(help="One analysis, with its parameters and formula.")] = None,
    page: Annotated[bool, typer.Option("--page", help="The page docs/statistics.md.")] = False,
    json: JsonOption = False,
) -> None:
    """List the statistics that can be asked, or explain one."""
    with reporting(json) as report:
        from circuits.call import signature
        from circuits.catalogue import ANALYSES, NAMES
        from circuits.errors import QueryUnsupported
        from proofward import reference

        if page:
            typer.echo(reference.page().rstrip("\n"))
            return
        if name is not None:
            found = ANALYSES.get(name.upper())
            if found is None:
                raise QueryUnsupported(f"there is no analysis {name}", hint=f"there are {', '.join(ANALYSES)}")
            report.say(reference.section(found).rstrip("\n"))
            report.result({"name": found.name, "title": found.title, "text": reference.section(found)})
            return
        report.say(f"aggregates: {', '.join(each for each in NAMES if each not in ANALYSES)}")
        report.table("analyses", ["SQL", "what"], [[signature(each), each.title] for each in ANALYSES.values()])
        titles = {each.name: each.title for each in ANALYSES.values()}
        report.result({"aggregates": [each for each in NAMES if each not in ANALYSES], "analyses": titles})
