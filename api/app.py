"""The HTTP application, made of its parts. Importing this module starts nothing."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.authorize import Authorizer, GuardedRoute, RateLimiter, check_routes
from api.boundary import Boundary
from api.problems import Problem
from api.routes import attestations, chain, datasets, events, evidence, keys, queries, service
from api.services import Services
from protocol.parameters import PROTOCOL_VERSION

_ROUTERS: Final = (service, queries, events, evidence, datasets, attestations, keys, chain)


def create_app(services: Services) -> FastAPI:
    """The application over `services`.

    Raises:
        TypeError: a route has no row in the table of `api.authorize`, or a row no route.
    """
    # No default documentation pages: they are routes without a guard, and they load scripts from elsewhere.
    app = _Application(title="Proofward", version=PROTOCOL_VERSION, openapi_url=None, docs_url=None, redoc_url=None)
    for module in _ROUTERS:
        app.router.routes.extend(module.router.routes)
    app.router.redirect_slashes = False
    check_routes(app)
    problems.install(app)
    limits = services.settings.limits
    limiter = RateLimiter(services.clock, per_second=limits.requests_per_second, burst=limits.burst)
    app.state.services = services
    app.state.authorizer = Authorizer(services.keys, limiter, services.clock)
    app.add_middleware(Boundary, limits=limits, observe=services.metrics.observe_request)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with the problem schema and who may call what."""
        if self.openapi_schema is None:
            schema = get_openapi(title=self.title, version=self.version, routes=self.routes)
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "pw_<id>_<secret>"}}
            for route in self.routes:
                if not isinstance(route, GuardedRoute):
                    continue
                for method in route.methods or ():
                    operation = schema["paths"][route.path][method.lower()]
                    operation["security"] = [] if route.roles is None else [{"key": []}]
                    operation["x-roles"] = [] if route.roles is None else sorted(route.roles)
            self.openapi_schema = schema
        return self.openapi_schema
