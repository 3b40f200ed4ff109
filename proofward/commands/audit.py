"""`proofward audit`: judge an answer offline, with nothing trusted but the pinned facts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proofward.commands.report import Exit, JsonOption, reporting

if TYPE_CHECKING:
    from prover.backend import Backend


def audit(
    file: Annotated[
        Path,
        typer.Argument(help="The evidence file of one query, or its bundle with --datasets.", exists=True, dir_okay=False),
    ],
    trust: Annotated[Path, typer.Option(help="What you trust.", exists=True, dir_okay=False)] = Path("trust.toml"),
    datasets: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where ROOT.dataset files are, for a bundle.", exists=True, file_okay=False),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Use the verifier in pure Python, without compiled code. Takes longer.")
    ] = False,
    rpc: Annotated[str | None, typer.Option(metavar="URL", help="Also check against this chain endpoint.")] = None,
    confirmations: Annotated[int, typer.Option(min=1, help="Blocks that must confirm the posting.")] = 1,
    json: JsonOption = False,
) -> None:
    """Check an answer. Exit code 0: verified, 1: refused, 2: cannot tell."""
    # An unusable trust file says nothing about the answer, so it is "cannot tell" and not "refused".
    with reporting(json, failed=Exit.CANNOT_TELL) as report:
        from attestation.audit import audit as run_audit
        from attestation.trust import load_trust
        from proofward.files import read_evidence, read_packages

        pinned = load_trust(trust)
        data = read_evidence(file)
        connect = None
        if rpc is not None:
            from attestation.ledger import Ledger

            endpoint, chain = rpc, pinned.chain
            connect = lambda: Ledger.connect(endpoint, chain.chain_id, chain.contract, pinned.terms)  # noqa: E731
        with report.steps("checking") as progress:
            found = run_audit(
                data,
                pinned,
                connect,
                datasets=None if datasets is None else read_packages(datasets, data),
                confirmations=confirmations,
                backend=_backend(reference=reference),
                threads=os.cpu_count() or 1,
                progress=progress,
            )
        report.say(found.render().rstrip("\n"))
        report.result(found.to_dict() | {"verifier": "reference" if reference else "kernel"})
        raise typer.Exit(found.exit_code)


def _backend(*, reference: bool) -> "Backend":
    if reference:
        from prover import reference as pure

        return pure
    import prover

    return prover
