"""`proofward keys`: API keys, on the hub's machine. Over HTTP an operator does the same; the first key comes from here."""

import datetime
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from proofward.commands.report import JsonOption, reporting

app = typer.Typer(help="Issue and revoke API keys, on the hub's machine.", no_args_is_help=True)

HubArgument = Annotated[Path, typer.Argument(metavar="HUB", help="The hub's hub.toml.", exists=True, dir_okay=False)]


@app.command()
def create(
    hub: HubArgument,
    role: Annotated[Literal["buyer", "auditor", "operator"], typer.Option(help="What the key is for.")],
    buyer: Annotated[str | None, typer.Option(help="The buyer's name, as hospitals' policies know it.")] = None,
    label: Annotated[str, typer.Option(help="A note for people.")] = "",
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Valid for so many days.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the key to this file instead of printing it.", dir_okay=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Issue a key. It is shown once; the service keeps a hash."""
    with reporting(json) as report:
        from mpc_nodes.secret_files import write_secret
        from proofward.keys import issue_key

        issued = issue_key(hub, role, buyer=buyer, label=label or role, days=days)
        if output is not None:
            write_secret(output, issued.key.encode() + b"\n")
        report.say(issued.key if output is None else f"key {issued.id} written to {output}")
        where = {"key": issued.key} if output is None else {"file": str(output)}
        report.result({"id": issued.id, "role": role, "buyer": buyer, **where})


@app.command("list")
def list_(hub: HubArgument, json: JsonOption = False) -> None:
    """List the keys, without their secrets."""
    with reporting(json) as report:
        from proofward.keys import key_store

        with key_store(hub) as keys:
            records = keys.list()
        report.table(
            "",
            ["id", "role", "buyer", "label", "created", "expires", "revoked"],
            [
                [each.id, each.role, each.buyer, each.label, *map(_date, (each.created_at, each.expires_at, each.revoked_at))]
                for each in records
            ],
        )
        report.result({"keys": [vars(each) for each in records]})


@app.command()
def revoke(
    hub: HubArgument,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key.")],
    json: JsonOption = False,
) -> None:
    """Revoke a key, at once and for good."""
    with reporting(json) as report:
        from proofward.keys import key_store

        with key_store(hub) as keys:
            keys.revoke(key_id, now=int(time.time()))
        report.say(f"key {key_id} is revoked")
        report.result({"id": key_id, "revoked": True})


def _date(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M")
