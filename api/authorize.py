"""Who may do what over HTTP: one table, and a route class that cannot exist without a row in it.

A request is authenticated, counted and authorised before its body is read. Hospitals do not appear: no hospital and no node
has anything to do here; nodes speak gRPC to the hub under their own certificates (docs/spec/09-api.md, "Roles").
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from api.errors import (
    AuthenticationRequired,
    BodyTooLarge,
    BodyTooSlow,
    HeadersTooLarge,
    MediaTypeUnsupported,
    RateLimited,
    RequestInvalid,
    RoleForbidden,
)
from api.keys import KeyStore, Principal, Role
from api.problems import documented, merged
from mpc_nodes.clock import Clock
from protocol import canonical
from protocol.errors import ProofwardError

_Roles = frozenset[Role] | None

# What every route can answer, from the boundary inwards.
_ANYBODY: Final = (
    RequestInvalid,
    RateLimited,
    BodyTooLarge,
    BodyTooSlow,
    MediaTypeUnsupported,
    HeadersTooLarge,
    ProofwardError,
)

PUBLIC: Final = None  # no key needed
_BUYER: Final = frozenset({Role.BUYER})
_OPERATOR: Final = frozenset({Role.OPERATOR})
_BUYER_OPERATOR: Final = frozenset({Role.BUYER, Role.OPERATOR})
_BUYER_AUDITOR: Final = frozenset({Role.BUYER, Role.AUDITOR})
_ANY_KEY: Final = frozenset(Role)

# A buyer sees its own queries only, wherever a query appears; that is in the routes, which pass `own(principal)` on.
ACCESS: Final[dict[tuple[str, str], _Roles]] = {
    ("POST", "/v1/queries"): _BUYER,
    ("POST", "/v1/queries/explain"): _BUYER,
    ("GET", "/v1/queries"): _BUYER_OPERATOR,
    ("GET", "/v1/queries/{query_id}"): _BUYER_OPERATOR,
    ("GET", "/v1/queries/{query_id}/events"): _BUYER_OPERATOR,
    ("GET", "/v1/queries/{query_id}/result"): _BUYER,
    ("GET", "/v1/queries/{query_id}/bundle"): _BUYER_AUDITOR,
    ("GET", "/v1/queries/{query_id}/evidence"): _BUYER_AUDITOR,
    ("GET", "/v1/datasets"): _ANY_KEY,
    ("GET", "/v1/datasets/{name}"): _ANY_KEY,
    ("GET", "/v1/datasets/roots/{root}/package"): _BUYER_AUDITOR,  # hiding commitments and proofs: whoever may verify
    ("GET", "/v1/attestations"): _BUYER_AUDITOR,
    ("GET", "/v1/attestations/{attestation_id}"): _BUYER_AUDITOR,
    ("GET", "/v1/keys"): _OPERATOR,
    ("POST", "/v1/keys"): _OPERATOR,
    ("DELETE", "/v1/keys/{key_id}"): _OPERATOR,
    ("GET", "/v1/metrics"): _OPERATOR,
    ("GET", "/v1/consortium"): PUBLIC,  # names and public keys; an auditor needs no account
    ("GET", "/v1/trust"): PUBLIC,
    ("POST", "/chain/rpc"): PUBLIC,  # a chain is public; the methods are an allow-list
    ("GET", "/v1/health"): PUBLIC,
    ("GET", "/v1/ready"): PUBLIC,
    ("GET", "/v1/errors/{code}"): PUBLIC,
    ("GET", "/v1/openapi.json"): PUBLIC,
}


def own(principal: Principal) -> str | None:
    """The buyer whose queries `principal` is confined to, or None for a role that sees those of all buyers."""
    return principal.buyer if principal.role is Role.BUYER else None


class RateLimiter:
    """A token bucket for each caller. At most `callers` are remembered; who is forgotten starts with a full bucket."""

    def __init__(self, clock: Clock, *, per_second: int, burst: int, callers: int = 10_000) -> None:
        self._clock = clock
        self._rate = per_second
        self._burst = burst
        self._callers = callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at

    def take(self, caller: str) -> None:
        """Spend one request of `caller`. Raises RateLimited, with the seconds to wait."""
        now = self._clock.now()
        tokens, at = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + max(0.0, now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._callers:
            self._buckets.popitem(last=False)
        if not allowed:
            error = RateLimited("too many requests", hint="wait as Retry-After says")
            error.retry_after = max(1, round((1 - tokens) / self._rate))
            raise error


class Authorizer:
    """Decides on one request.

    Args:
        keys: the API keys.
        limiter: counts requests.
        clock: for expiry.
    """

    def __init__(self, keys: KeyStore, limiter: RateLimiter, clock: Clock) -> None:
        self._keys = keys
        self._limiter = limiter
        self._clock = clock

    async def admit(self, request: Request, roles: _Roles) -> Principal | None:
        """The caller, who may use a route that is open to `roles`; None on a public route.

        Raises:
            AuthenticationRequired: no valid key.
            RoleForbidden: a valid key of another role.
            RateLimited: too many requests with this key, or without a valid one from this address.
        """
        address = f"address {request.client.host if request.client else 'unknown'}"
        if roles is None:
            self._limiter.take(address)
            return None
        try:
            principal = await self._authenticate(request)
        except AuthenticationRequired:
            self._limiter.take(address)
            raise
        self._limiter.take(f"key {principal.key_id}")
        if principal.role not in roles:
            raise RoleForbidden(f"a key with the role {principal.role} may not do this")
        return principal

    async def _authenticate(self, request: Request) -> Principal:
        # The header only: keys in URLs end up in logs and histories. Two headers would be two answers to one question.
        headers = request.headers.getlist("authorization")
        scheme, _, key = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            key = ""
        return await asyncio.to_thread(self._keys.authenticate, key, now=int(self._clock.now()))


class _StrictRequest(Request):
    """A request whose body is parsed as every untrusted document is: bounded depth, no key twice, no NaN.

    The framework's `json.loads` recurses as deep as the body says. Libraries of ours raise the interpreter's recursion
    limit far beyond what a thread's stack holds, so a body of brackets could kill the process.
    """

    async def json(self) -> Any:
        """The parsed body. Raises MalformedInput."""
        body = await self.body()
        return canonical.decode_lenient(body, limit=len(body))


class GuardedRoute(APIRoute):
    """A route with its row of `ACCESS`. Defining one without a row fails at import."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        rows = {(method, path) for method in options.get("methods") or ()}
        if len(rows) != 1 or not rows <= ACCESS.keys():
            raise TypeError(f"{sorted(rows)} needs exactly one row in api.authorize.ACCESS")
        self.roles = ACCESS[rows.pop()]
        common = _ANYBODY if self.roles is PUBLIC else (*_ANYBODY, AuthenticationRequired, RoleForbidden)
        options["responses"] = merged(options.get("responses") or {}, documented(*common))
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route, behind the authoriser."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            authorizer: Authorizer = request.app.state.authorizer
            request.state.principal = await authorizer.admit(request, self.roles)
            return await handle(_StrictRequest(request.scope, request.receive))

        return guarded


def principal_of(request: Request) -> Principal:
    """The caller of a route that needs a key."""
    principal: Principal | None = request.state.principal
    if principal is None:
        raise AuthenticationRequired("this route has no caller")
    return principal


def check_routes(app: FastAPI) -> None:
    """Every route of `app` is guarded, and every row of the table has its route. Raises TypeError."""
    guarded = [route for route in app.routes if isinstance(route, GuardedRoute)]
    if len(guarded) != len(app.routes):
        raise TypeError(f"routes without a guard: {[route for route in app.routes if route not in guarded]}")
    served = {(method, route.path) for route in guarded for method in route.methods or ()}
    if served != ACCESS.keys():
        raise TypeError(f"rows without a route: {sorted(ACCESS.keys() - served)}")
