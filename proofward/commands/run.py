"""`proofward hub run` and `proofward node run`: the two kinds of process."""

from pathlib import Path
from typing import Annotated

import typer

from proofward.commands.report import JsonOption, reporting

hub = typer.Typer(help="The hub: relay, HTTP interface and, in a trial, the chain.", no_args_is_help=True)
node = typer.Typer(help="A hospital's node.", no_args_is_help=True)

HubArgument = Annotated[Path, typer.Argument(metavar="HUB", help="The hub.toml.", exists=True, dir_okay=False)]
NodeArgument = Annotated[Path, typer.Argument(metavar="NODE", help="The node.toml.", exists=True, dir_okay=False)]
WithParentOption = Annotated[
    bool, typer.Option("--with-parent", help="Stop when standard input ends: for programs that start this one.")
]


@hub.command("run")
def run_hub(config: HubArgument, with_parent: WithParentOption = False, json: JsonOption = False) -> None:
    """Run the hub until it is told to stop. Its log goes to standard error."""
    with reporting(json):
        from api.server import run_hub as serve

        if with_parent:
            _end_with_parent()
        serve(config)


@node.command("run")
def run_node(config: NodeArgument, with_parent: WithParentOption = False, json: JsonOption = False) -> None:
    """Run a node until it is told to stop. It dials the hub and accepts no connection. Its log goes to standard error."""
    with reporting(json):
        from mpc_nodes.node_main import run_node as serve

        if with_parent:
            _end_with_parent()
        serve(config)


def _end_with_parent() -> None:
    from proofward.lifeline import end_with_parent

    end_with_parent()
