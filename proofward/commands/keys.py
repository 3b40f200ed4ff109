"""`proofward keys`: API keys, on the hub's machine. Over HTTP an operator does the same; the first key comes from here."""

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from proofward.commands.report import JsonOption, reporting

if TYPE_CHECKING:
    from api.keys import KeyStore

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
    with reporting(json) as report, _key_store(hub) as keys:
        from api.keys import Role
        from mpc_nodes.secret_files import write_secret

        now = int(time.time())
        expires_at = None if days is None else now + days * 86_400
        key, record = keys.issue(Role(role), buyer=buyer, label=label or role, now=now, expires_at=expires_at)
        if output is not None:
            write_secret(output, key.encode() + b"\n")
        report.say(key if output is None else f"key {record.id} written to {output}")
        report.result(
            {"id": record.id, "role": role, "buyer": buyer} | ({"key": key} if output is None else {"file": str(output)})
        )


@app.command("list")
def list_(hub: HubArgument, json: JsonOption = False) -> None:
    """List the keys, without their secrets."""
    with reporting(json) as report, _key_store(hub) as keys:
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
    with reporting(json) as report, _key_store(hub) as keys:
        keys.revoke(key_id, now=int(time.time()))
        report.say(f"key {key_id} is revoked")
        report.result({"id": key_id, "revoked": True})


@contextmanager
def _key_store(hub: Path) -> Iterator["KeyStore"]:
    from api.keys import KeyStore
    from api.migrations import upgrade
    from mpc_nodes.config import load_hub_config
    from mpc_nodes.database import create_engine

    engine = create_engine(load_hub_config(hub).storage.database)
    try:
        upgrade(engine)
        yield KeyStore(engine)
    finally:
        engine.dispose()


def _date(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M")
