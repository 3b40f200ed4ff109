"""`proofward log`: a hospital's own record of every decision."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proofward.commands.report import JsonOption, reporting

if TYPE_CHECKING:
    from mpc_nodes.access_log import AccessEntry
    from protocol.messages import LogHead

app = typer.Typer(help="A hospital's access log.", no_args_is_help=True)

NodeArgument = Annotated[Path, typer.Argument(metavar="NODE", help="The node's node.toml.", exists=True, dir_okay=False)]

EvidenceOption = Annotated[
    list[Path] | None,
    typer.Option(help="An evidence file whose attested head the log must lead to.", exists=True, dir_okay=False),
]
TrustOption = Annotated[Path | None, typer.Option(help="What you trust; with --evidence.", exists=True, dir_okay=False)]


@app.command()
def verify(
    node: NodeArgument,
    evidence: EvidenceOption = None,
    trust: TrustOption = None,
    json: JsonOption = False,
) -> None:
    """Check that the access log is whole, and that attestations did not see another one."""
    with reporting(json) as report:
        from mpc_nodes import access_log
        from mpc_nodes.config import load_node_config

        heads = _attested_heads(evidence or [], trust, load_node_config(node).member)
        entries, stored = _log(node)
        access_log.verify_log(entries, [*heads, *([stored] if stored else [])])
        allowed = sum(entry.allowed for entry in entries)
        report.say(f"{len(entries)} decisions, {allowed} allowed, {len(entries) - allowed} denied")
        report.say(f"the entries are whole and lead to {len(heads)} attested heads")
        report.result(
            {
                "entries": len(entries),
                "allowed": allowed,
                "attested_heads": len(heads),
                "head": stored.head if stored else access_log.FIRST_HEAD,
            }
        )


@app.command()
def show(node: NodeArgument, json: JsonOption = False) -> None:
    """Show every decision, oldest first."""
    with reporting(json) as report:
        entries, _ = _log(node)
        report.table(
            "",
            ["no.", "time", "buyer", "purpose", "dataset", "question", "decision"],
            [
                [
                    entry.sequence,
                    datetime.datetime.fromtimestamp(entry.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"),
                    entry.buyer,
                    entry.purpose,
                    entry.dataset,
                    entry.sql,
                    "allowed" if entry.allowed else entry.refusal,
                ]
                for entry in entries
            ],
        )
        report.result({"entries": [entry.model_dump(mode="json") for entry in entries]})


def _log(node: Path) -> tuple[list["AccessEntry"], "LogHead | None"]:
    """All entries, and the head that is stored with the last of them."""
    from mpc_nodes import access_log
    from mpc_nodes.config import load_node_config
    from mpc_nodes.database import create_engine, reading
    from mpc_nodes.store import NodeStore

    engine = create_engine(load_node_config(node).storage.database)
    try:
        NodeStore(engine)  # makes the tables where no node has started yet
        with reading(engine) as connection:
            entries = list(access_log.entries(connection))
            return entries, access_log.head_at(connection, len(entries))
    finally:
        engine.dispose()


def _attested_heads(files: list[Path], trust: Path | None, member: int) -> list["LogHead"]:
    from attestation.trust import load_trust
    from attestation.verify import verify_bundle
    from proofward.files import read_evidence
    from protocol.messages import LogHead

    if not files:
        return []
    if trust is None:
        raise typer.BadParameter("--evidence needs --trust")
    pinned = load_trust(trust)
    heads = []
    for path in files:
        predicate = verify_bundle(read_evidence(path), pinned).statement.predicate
        heads += [LogHead(sequence=log.sequence, head=log.head) for log in predicate.logs if log.hospital == member]
    return heads
