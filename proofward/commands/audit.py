"""`proofward audit`: judge a bundle offline, with nothing trusted but the pinned facts."""

from pathlib import Path
from typing import Annotated

import typer

from proofward.commands.report import Exit, JsonOption, reporting

MAX_READ_BYTES = 1 << 30  # the verifier has a tighter bound of its own; this one keeps a device from being read for ever


def audit(
    bundle: Annotated[Path, typer.Argument(help="The bundle of one query.", exists=True, dir_okay=False)],
    trust: Annotated[Path, typer.Option(help="What you trust.", exists=True, dir_okay=False)] = Path("trust.toml"),
    rpc: Annotated[str | None, typer.Option(metavar="URL", help="Also check against this chain endpoint.")] = None,
    confirmations: Annotated[int, typer.Option(min=1, help="Blocks that must confirm the posting.")] = 1,
    json: JsonOption = False,
) -> None:
    """Check a bundle. Exit code 0: verified, 1: refused, 2: cannot tell."""
    # An unusable trust file says nothing about the bundle, so it is "cannot tell" and not "refused".
    with reporting(json, failed=Exit.CANNOT_TELL) as report:
        from attestation.audit import audit as run_audit
        from attestation.trust import load_trust

        pinned = load_trust(trust)
        with bundle.open("rb") as file:
            data = file.read(MAX_READ_BYTES)
        if rpc is None:
            found = run_audit(data, pinned)
        else:
            from attestation.ledger import Ledger

            endpoint, chain = rpc, pinned.chain
            found = run_audit(
                data,
                pinned,
                lambda: Ledger.connect(endpoint, chain.chain_id, chain.contract, pinned.terms),
                confirmations=confirmations,
            )
        report.say(found.render().rstrip("\n"))
        report.result(found.to_dict())
        raise typer.Exit(found.exit_code)
