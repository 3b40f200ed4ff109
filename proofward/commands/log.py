"""`proofward log`: a hospital's own record of every decision."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proofward.commands.report import JsonOption, reporting

if TYPE_CHECKING:
    from protocol.messages import LogHead

app = typer.Typer(help="A hospital's access log.", no_args_is_help=True)

NodeArgument = Annotated[Path, typer.Argument(metavar="NODE", help="The node's node.toml.", exists=True, dir_okay=False)]

BundlesOption = Annotated[
    list[Path] | None,
    typer.Option(help="A bundle whose attested head the log must lead to.", exists=True, dir_okay=False),
]
TrustOption = Annotated[Path | None, typer.Option(help="What you trust; with --bundle.", exists=True, dir_okay=False)]


@app.command()
def verify(
    node: NodeArgument,
    bundle: BundlesOption = None,
    trust: TrustOption = None,
    json: JsonOption = False,
) -> None:
    """Check that the access log is whole, and that attestations did not see another one."""
    with reporting(json) as report:
        from mpc_nodes import access_log
        from mpc_nodes.config import load_node_config
        from mpc_nodes.database import create_engine, reading

        config = load_node_config(node)
        heads = _attested_heads(bundle or [], trust, config.member)
        engine = create_engine(config.storage.database)
        try:
            with reading(engine) as connection:
                entries = list(access_log.entries(connection))
                stored = access_log.head_at(connection, len(entries)) if entries else None
        finally:
            engine.dispose()
        access_log.verify_log(entries, [*heads, *([stored] if stored else [])])
        allowed = sum(entry.allowed for entry in entries)
        report.say(
            f"{len(entries)} decisions, {allowed} allowed, {len(entries) - allowed} denied; {len(heads)} attested heads met"
        )
        report.result(
            {
                "entries": len(entries),
                "allowed": allowed,
                "attested_heads": len(heads),
                "head": stored.head if stored else access_log.FIRST_HEAD,
            }
        )


@app.command()
def show(node: NodeArgument) -> None:
    """Print every entry as a line of JSON, oldest first."""
    with reporting(json=True):
        from mpc_nodes import access_log
        from mpc_nodes.config import load_node_config
        from mpc_nodes.database import create_engine, reading

        engine = create_engine(load_node_config(node).storage.database)
        try:
            with reading(engine) as connection:
                for line in access_log.export(connection):
                    sys.stdout.write(line.decode("utf-8"))
        finally:
            engine.dispose()


def _attested_heads(bundles: list[Path], trust: Path | None, member: int) -> list["LogHead"]:
    from attestation.trust import load_trust
    from attestation.verify import verify_bundle
    from protocol.messages import LogHead

    if not bundles:
        return []
    if trust is None:
        raise typer.BadParameter("--bundle needs --trust")
    pinned = load_trust(trust)
    heads = []
    for path in bundles:
        predicate = verify_bundle(path.read_bytes(), pinned).statement.predicate
        heads += [LogHead(sequence=log.sequence, head=log.head) for log in predicate.logs if log.hospital == member]
    return heads
