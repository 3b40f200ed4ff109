"""`proofward consortium`: make a trial."""

import time
from pathlib import Path
from typing import Annotated

import typer

from proofward.commands.report import JsonOption, reporting

app = typer.Typer(help="Make a trial consortium.", no_args_is_help=True)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where to make it; must not exist.")],
    hospital: Annotated[list[str], typer.Option(help="Name of a hospital; give it once for each, at least three.")],
    threshold: Annotated[int, typer.Option(min=1, help="How many may be corrupt: n >= 2t+1.")] = 1,
    name: Annotated[str, typer.Option(help="Name of the consortium.")] = "trial",
    host: Annotated[str, typer.Option(help="Name or address under which nodes reach the hub.")] = "127.0.0.1",
    hub_port: Annotated[int, typer.Option(min=1, max=65535, help="Port that nodes dial.")] = 7443,
    api_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the HTTP interface.")] = 8080,
    chain_rpc: Annotated[str | None, typer.Option(metavar="URL", help="An EVM chain; else one inside the hub.")] = None,
    chain_id: Annotated[int | None, typer.Option(min=1, help="Its chain id.")] = None,
    json: JsonOption = False,
) -> None:
    """Make keys, certificates and configuration of a hub and of every hospital, to try things with."""
    with reporting(json) as report:
        from attestation.embedded_chain import DEFAULT_CHAIN_ID
        from mpc_nodes.trial import init_consortium

        if (chain_rpc is None) != (chain_id is None):
            raise typer.BadParameter("give --chain-rpc and --chain-id together")
        trial = init_consortium(
            directory,
            hospitals=hospital,
            now=time.time(),
            threshold=threshold,
            name=name,
            hub_host=host,
            hub_port=hub_port,
            api_port=api_port,
            chain_rpc=chain_rpc,
            chain_id=DEFAULT_CHAIN_ID if chain_id is None else chain_id,
        )
        report.say((directory / "README.txt").read_text(encoding="utf-8"))
        report.say("next")
        report.say(f"  proofward hub run {trial.hub_config}")
        for each in hospital:
            report.say(f"  proofward node run {trial.node_config(each)}")
        report.result(
            {
                "directory": str(directory),
                "consortium": trial.consortium.digest,
                "contract": trial.chain.contract,
                "chain_id": trial.chain.chain_id,
                "trust": str(trial.trust),
                "hub": str(trial.hub_config),
                "nodes": {each: str(trial.node_config(each)) for each in hospital},
            }
        )
