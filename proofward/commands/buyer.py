"""What a buyer asks of a service: the SDK's methods as commands."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from proofward.commands.report import JsonOption, Report, reporting

if TYPE_CHECKING:
    from proofward.client import Client
    from proofward.result import Result

# The API key comes from the environment or a file, never from an argument: arguments are visible to every user.
UrlOption = Annotated[str, typer.Option("--url", envvar="PROOFWARD_URL", help="Address of the service.")]
KeyFileOption = Annotated[
    Path | None, typer.Option("--api-key-file", help="File with the API key [else: PROOFWARD_API_KEY].", dir_okay=False)
]
TrustOption = Annotated[Path, typer.Option(envvar="PROOFWARD_TRUST", help="What you trust.", exists=True, dir_okay=False)]
PurposeOption = Annotated[str, typer.Option(help="What the answer is for; hospitals' policies name those they accept.")]
PublicationOption = Annotated[
    Literal["digest", "aggregate"], typer.Option(help="What reaches the chain: a salted digest, or the cells.")
]
DatasetOption = Annotated[str | None, typer.Option(help="The dataset, if the query leaves it open.")]
SqlArgument = Annotated[str, typer.Argument(help="The question.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a query.")]
LimitOption = Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")]
DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_TRUST = Path("trust.toml")


def query(
    sql: SqlArgument,
    purpose: PurposeOption,
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    publication: PublicationOption = "digest",
    dataset: DatasetOption = None,
    wait: Annotated[float | None, typer.Option(min=0, help="Seconds to wait at most.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also save the evidence file here.", dir_okay=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ask, wait, verify the answer, print it."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        result = client.query(sql, purpose=purpose, publication=publication, dataset=dataset, wait=wait, progress=not json)
        if output is not None:
            result.attestation.save(output)
        show_result(report, result)
        report.result(result.to_dict())


def show_result(report: Report, result: "Result") -> None:
    """The tables, then what is known about them."""
    from proofward.summary import cells_of, tables_of

    for name, table in tables_of(result.table):
        report.table(name, *cells_of(table, result.table))
    for note in result.notes:
        report.say(f"note       {note}")
    assurance = result.attestation.assurance
    report.say(f"query      {result.query_id}")
    report.say(f"hospitals  {', '.join(result.hospitals)}")
    for name, reason in result.left_out.items():
        report.say(f"left out   {name} ({reason})")
    if result.suppressed:
        report.say(f"suppressed {len(result.suppressed)} groups with too few people, or none")
    report.say(
        f"verified   total {assurance.aggregate}, contributions {assurance.contribution}, datasets {assurance.dataset}, "
        f"noise {assurance.noise}"
    )


def explain(
    sql: SqlArgument,
    purpose: PurposeOption,
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    publication: PublicationOption = "digest",
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a question would ask for and what each hospital would answer, without asking it."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        found = client.explain(sql, purpose=purpose, publication=publication, dataset=dataset)
        rounds = "" if found["rounds"] == 1 else f", in {found['rounds']} rounds"
        report.say(f"cells    {found['cells']} in {found['groups']} groups{rounds}, columns {', '.join(found['columns'])}")
        report.say(f"risk     {found['disclosure']['risk']}: {'; '.join(found['disclosure']['why'])}")
        report.say(f"chain    {found['publication_effect']}")
        report.table(
            "",
            ["hospital", "answer", "reason", "minimum cohort", "minimum hospitals"],
            [
                [each["hospital"], each["answer"], each["reason"], each["minimum_cohort"], each["minimum_hospitals"]]
                for each in found["hospitals"]
            ],
        )
        for nearest in sorted({each["nearest"] for each in found["hospitals"] if each["nearest"]}):
            report.say(f"nearest  {nearest}")
        report.say("enough hospitals would answer" if found["enough"] else "too few hospitals would answer")
        report.result(found)


def status(
    query_id: IdArgument,
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    json: JsonOption = False,
) -> None:
    """Say where a query is."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        found = client.status(query_id)
        progress: Mapping[str, Any] = found.get("progress") or {}
        report.say(f"state    {found['state']}" + (f", step {progress['step']}" if progress.get("step") else ""))
        report.say(f"question {found['sql']}")
        if found.get("failure"):
            report.say(f"failure  {found['failure']['message']} [{found['failure']['code']}]")
        if progress.get("hospitals"):
            names = list(progress["hospitals"][0])
            report.table("", names, [[each.get(name) for name in names] for each in progress["hospitals"]])
        report.result(found)


def evidence(
    query_id: IdArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.", dir_okay=False)],
    bundle_only: Annotated[bool, typer.Option("--bundle-only", help="The bundle, without the dataset packages.")] = False,
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    force: Annotated[bool, typer.Option(help="Overwrite.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch the evidence file of a finished query. It is not verified here: `proofward audit` does that."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        from proofward.files import write_new
        from protocol.canonical import sha256_hex

        data = client.bundle(query_id) if bundle_only else client.evidence(query_id)
        write_new(output, data, overwrite=force)
        report.say(f"{output}: {len(data)} bytes, not verified yet (proofward audit {output} --trust trust.toml)")
        report.result({"path": str(output), "bytes": len(data), "sha256": sha256_hex(data)})


def datasets(
    name: Annotated[str | None, typer.Argument(help="One dataset, with its columns.")] = None,
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    json: JsonOption = False,
) -> None:
    """List the datasets, or one with its columns."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        if name is None:
            found = client.datasets()
            report.table(
                "",
                ["dataset", "title", "columns", "hospitals"],
                [
                    [each["name"], each["title"], each["columns"], ", ".join(each["hospitals"]) or "schemas differ"]
                    for each in found
                ],
            )
            report.result({"datasets": found})
            return
        one = client.dataset(name)
        report.table(
            f"{one['name']}: {one['title']}",
            ["column", "type", "unit", "null", "description"],
            [
                [each["name"], each["type"], each["unit"], "yes" if each["nullable"] else "no", each["description"]]
                for each in one["table_schema"]["columns"]
            ],
        )
        if one["rules"]:
            report.table("proven for every row", ["rule", "check"], [[each["name"], each["check"]] for each in one["rules"]])
        report.table(
            "",
            ["hospital", "epoch", "root"],
            [[each["hospital"], each["epoch"], each["root"]] for each in one["registrations"]],
        )
        report.result(one)


def attestations(
    url: UrlOption = DEFAULT_URL,
    api_key_file: KeyFileOption = None,
    trust: TrustOption = DEFAULT_TRUST,
    limit: LimitOption = 20,
    json: JsonOption = False,
) -> None:
    """List the newest attestations that the key may see."""
    with reporting(json) as report, _client(url, api_key_file, trust) as client:
        found = client.attestations(limit=limit)
        report.table(
            "",
            ["attestation", "query", "dataset", "publication"],
            [[each["id"], each["query_id"], each["dataset"], each["publication"]] for each in found],
        )
        report.result({"attestations": found})


def _client(url: str, api_key_file: Path | None, trust: Path) -> "Client":
    from mpc_nodes.secret_files import check_private
    from proofward.client import connect

    key = None
    if api_key_file is not None:
        check_private(api_key_file)
        key = api_key_file.read_text(encoding="utf-8").strip()
    return connect(url, api_key=key, trust=trust)
