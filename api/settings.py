"""What an operator can tune. `mpc_nodes/config.py` reads the hub's file; these are the parts that the API interprets."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Section):
    """Bounds on what a caller can make the service do."""

    body_bytes: Positive = 64 << 10
    body_seconds: Positive = 20
    headers: Positive = 64
    header_bytes: Positive = 16 << 10
    requests_per_second: Positive = 50  # sustained, for one API key or one address without a key
    burst: Positive = 200
    event_streams: Positive = 200  # open at once, over all callers
    downloads: Positive = 8  # of evidence and dataset packages, under way at once, over all callers
    rpc_batch: Positive = 20


class Rounds(_Section):
    """Times of one query, in seconds. A hospital that does not answer a round in time is left out or presumed gone."""

    query_lifetime: Positive = 3600
    decision: Positive = 60
    deal: Positive = 300
    verdict: Positive = 120
    freeze: Positive = 60
    open: Positive = 60
    attest: Positive = 120
    grace: Annotated[float, Field(ge=0)] = 2.0  # for stragglers, once a round has enough


class Settings(_Section):
    """The `[api]` section of the hub's file."""

    limits: Limits = Limits()
    rounds: Rounds = Rounds()
    explain_seconds: Positive = 10  # what the hospitals get to say what they would answer
    concurrent_queries: Positive = 4
    queued_queries: Positive = 200
    claim_seconds: Positive = 30  # a pipeline that has not renewed its claim for so long is presumed dead
    retry_seconds: Positive = 5  # between attempts on something that is unavailable, such as the chain
    confirmations: Annotated[int, Field(ge=0)] = 1
