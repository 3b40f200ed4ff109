"""The Python client. It trusts the service for availability only: every answer is verified here before it is returned."""

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from api.errors import rebuild
from attestation.bundle import MAX_BUNDLE_BYTES, Bundle
from attestation.evidence import MAX_EVIDENCE_BYTES
from attestation.trust import Trust, load_trust
from attestation.verify import verify_bundle
from circuits.registered_schema import read_schema
from proofward import waiting
from proofward.client_errors import AnswerMismatch, QuestionIncomplete, ServiceResponseInvalid, TrustRequired
from proofward.http import Connection, Sleep
from proofward.pinning import FIRST_USE, pinned_trust
from proofward.result import Attestation, Result
from proofward.sql import Question
from proofward.statistics import Options, Publication, SqlTexts, Statistics
from protocol.errors import MalformedInput


def connect(
    url: str,
    *,
    api_key: str | None = None,
    trust: Trust | str | Path | None = None,
    purpose: str | None = None,
    timeout: float = 30.0,
    patience: float = 60.0,
    trust_directory: str | Path | None = None,
    transport: httpx.BaseTransport | None = None,
    sleep: Sleep = time.sleep,
) -> "Client":
    """A client of the service at `url`.

    Args:
        api_key: `pw_...`; if left out, the environment variable PROOFWARD_API_KEY.
        trust: what answers are verified against: a `Trust`, the path of a `trust.toml` that you got from somebody you
            trust, or "first-use" to believe the service once and pin what it says in a file.
        purpose: of every query that does not name its own.
        timeout: seconds for a connection, and between two bytes of an answer.
        patience: seconds for which a request is tried again while the service is unreachable or busy.
        trust_directory: where "first-use" pins; by default `proofward/trust` in the user's configuration directory.
        transport: how to reach the service; None is the network.
        sleep: waits between attempts.

    Raises:
        TrustRequired: no trust is given.
        TrustInvalid: the trust file is not usable.
    """
    if trust is None:
        raise TrustRequired(
            "say what to verify answers against: trust=path of a trust.toml",
            hint=f'get it from a hospital; trust="{FIRST_USE}" believes the service once and pins what it says',
        )
    key = api_key if api_key is not None else os.environ.get("PROOFWARD_API_KEY")
    connection = Connection(url, api_key=key, timeout=timeout, patience=patience, transport=transport, sleep=sleep)
    if isinstance(trust, Trust):
        return Client(connection, trust, purpose=purpose, sleep=sleep)
    if trust == FIRST_USE:
        return Client(connection, pinned_trust(connection, trust_directory), purpose=purpose, sleep=sleep)
    return Client(connection, load_trust(Path(trust)), purpose=purpose, sleep=sleep)


class Client(Statistics[Result]):
    """Queries one service: by SQL, or by a method a statistic. Made by `connect`; safe for one thread.

    Attributes:
        sql: has the same methods, and gives the SQL text of each.
    """

    def __init__(
        self, connection: Connection, trust: Trust, *, purpose: str | None = None, sleep: Sleep = time.sleep
    ) -> None:
        self._connection = connection
        self._purpose = purpose
        self._sleep = sleep
        self._packages: dict[str, bytes] = {}  # of the newest result: the next one is most often about the same tables
        self._only: str | None = None  # the name of the only dataset, once it was needed
        self.trust: Final = trust
        self.sql: Final = SqlTexts(self._name_of, self._values)

    def __repr__(self) -> str:
        # Without the key, which notebooks would store with their output.
        return f"Client({self._connection.url!r}, consortium={self.trust.consortium.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def query(
        self,
        sql: str,
        *,
        purpose: str | None = None,
        publication: Publication = "digest",
        dataset: str | None = None,
        progress: bool = True,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Result:
        """Run `sql` and return its verified result.

        Args:
            purpose: what for; hospitals' policies decide by it. By default that of `connect`.
            publication: what reaches the chain: a salted digest, or the opened cells.
            dataset: if the service has several and the query does not tell them apart.
            progress: show a bar on a terminal.
            wait: seconds to wait for the answer; None waits until it comes or the query expires.
            idempotency_key: makes a repetition of this call the same query, for example after a crash of the caller.

        Raises:
            QuestionIncomplete: no purpose is given, here or to `connect`.
            VerificationFailed: the answer does not verify; nothing of it is returned.
            AnswerMismatch: it verifies, but answers something else.
            WaitExpired: it is not finished in time; `result` fetches it later.
            ProofwardError: what the service reports: the class of its code.
        """
        deadline = None if wait is None else time.monotonic() + wait
        purpose = self._purposed(purpose)
        query_id = self.submit(
            sql, purpose=purpose, publication=publication, dataset=dataset, idempotency_key=idempotency_key
        )
        with waiting.on_terminal() if progress else waiting.quiet() as display:
            waiting.wait(self._connection, query_id, display=display, deadline=deadline, sleep=self._sleep)
        result = self.result(query_id)
        offer = result.attestation.statement.predicate.offer
        if (offer.sql, offer.purpose, offer.publication) != (sql, purpose, publication):
            raise AnswerMismatch("the service delivered the attestation of another query than the one submitted")
        return result

    def submit(
        self,
        sql: str,
        *,
        purpose: str | None = None,
        publication: Publication = "digest",
        dataset: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Submit `sql` and return its query id, without waiting. Raises QuestionIncomplete, and what the service reports."""
        # One key for all attempts of this call: a retry after a lost answer is the same query.
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        answer = self._connection.post("queries", _submission(sql, self._purposed(purpose), publication, dataset), headers)
        return _text(answer, "id")

    def result(self, query_id: str) -> Result:
        """The verified result of a finished query.

        Raises:
            QueryUnfinished: it is still running. The query's own error: it has failed.
            VerificationFailed, AnswerMismatch: as `query`.
        """
        status = self.status(query_id)
        failure = status.get("failure")
        if status.get("state") == "failed" and isinstance(failure, dict):
            raise rebuild({"code": "internal", "message": "the query failed", **failure})
        bundle = self.bundle(query_id)
        datasets = self._datasets(bundle)
        verified = verify_bundle(bundle, self.trust, datasets, threads=os.cpu_count() or 1)
        self._packages = datasets  # only what has been verified: a bad package is fetched again
        if verified.statement.predicate.offer.first_query_id != query_id:
            raise AnswerMismatch("the service delivered the attestation of another query")
        return Result(query_id, Attestation(verified, bundle, datasets))

    def evidence(self, query_id: str) -> bytes:
        """The evidence file of a finished query, not verified: its bundle and the dataset packages, for an auditor."""
        return self._connection.request("GET", f"queries/{_path(query_id)}/evidence", limit=MAX_EVIDENCE_BYTES).content

    def bundle(self, query_id: str) -> bytes:
        """The exact bytes of a finished query's bundle, not verified."""
        return self._connection.request("GET", f"queries/{_path(query_id)}/bundle").content

    def package(self, root: str) -> bytes:
        """The package of the registered dataset with this root, not verified."""
        return self._connection.request("GET", f"datasets/roots/{_path(root)}/package", limit=MAX_EVIDENCE_BYTES).content

    def _datasets(self, bundle: bytes) -> dict[str, bytes]:
        """The packages that a bundle rests on. What was fetched for the result before this one is not fetched again."""
        try:
            registrations = Bundle.from_bytes(bundle, limit=MAX_BUNDLE_BYTES).registrations
        except MalformedInput:
            return {}  # verification says what is wrong with it
        roots = [signed.registration.root for signed in registrations]
        return {root: self._packages.get(root) or self.package(root) for root in roots}

    def status(self, query_id: str) -> dict[str, Any]:
        """Where a query is, hospital by hospital."""
        return _object(self._connection.get(f"queries/{_path(query_id)}"))

    def queries(self, *, limit: int = 20) -> list[dict[str, Any]]:
        """The newest queries of this API key's buyer."""
        return _list(self._connection.get("queries", limit=limit), "queries")

    def explain(
        self, sql: str, *, purpose: str | None = None, publication: Publication = "digest", dataset: str | None = None
    ) -> dict[str, Any]:
        """What `sql` would ask for and what each hospital would answer, without running it."""
        submission = _submission(sql, self._purposed(purpose), publication, dataset)
        return _object(self._connection.post("queries/explain", submission))

    def datasets(self) -> list[dict[str, Any]]:
        """The datasets that can be queried."""
        return _list(self._connection.get("datasets"), "datasets")

    def dataset(self, name: str) -> dict[str, Any]:
        """One dataset with its schema."""
        return _object(self._connection.get(f"datasets/{_path(name)}"))

    def attestations(self, *, limit: int = 20) -> list[dict[str, Any]]:
        """The newest attestations that this API key may see, not verified."""
        return _list(self._connection.get("attestations", limit=limit), "attestations")

    def _answer(self, question: Question, options: Options) -> Result:
        dataset = self._name_of(options)
        complete: Options = {**options, "dataset": dataset}
        return self.query(question.sql(dataset), **complete)

    def _values(self, column: str, options: Options) -> Sequence[object]:
        found = read_schema(self.dataset(self._name_of(options))["table_schema"]).column(column)
        return [found.value(code) for code in range(found.size)]

    def _name_of(self, options: Options) -> str:
        """The dataset of a call: the one that it names, or the only one that there is."""
        named = options.get("dataset") or self._only
        if named is not None:
            return named
        names = [str(each.get("name")) for each in self.datasets()]
        if len(names) != 1:
            raise QuestionIncomplete(
                "say which dataset is asked", hint=f"dataset= one of {', '.join(names)}" if names else "there is none yet"
            )
        self._only = names[0]
        return self._only

    def _purposed(self, purpose: str | None) -> str:
        given = purpose if purpose is not None else self._purpose
        if given is None:
            raise QuestionIncomplete("say what the answer is for: hospitals decide by it", hint="purpose= here or to connect")
        return given


def _submission(sql: str, purpose: str, publication: str, dataset: str | None) -> Mapping[str, Any]:
    submission = {"sql": sql, "purpose": purpose, "publication": publication}
    return submission if dataset is None else {**submission, "dataset": dataset}


def _path(text: str) -> str:
    # Ids and names have a small alphabet; anything else would become another path.
    if not text or not all(character.isascii() and (character.isalnum() or character in "_-") for character in text):
        raise MalformedInput("an id or a name consists of letters, digits, '-' and '_'")
    return text


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ServiceResponseInvalid("the service's answer is not an object")
    return answer


def _list(answer: Any, name: str) -> list[dict[str, Any]]:
    found = _object(answer).get(name)
    if not isinstance(found, list):
        raise ServiceResponseInvalid(f"the service's answer has no list {name!r}")
    return found


def _text(answer: Any, name: str) -> str:
    found = _object(answer).get(name)
    if not isinstance(found, str):
        raise ServiceResponseInvalid(f"the service's answer has no text {name!r}")
    return _path(found)
