"""API keys: the operator issues, lists and revokes them."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from api.authorize import GuardedRoute
from api.errors import ApiKeyNotFound
from api.keys import KeyRecord, Role
from api.problems import documented
from api.services import services_of
from protocol.identifiers import Name

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=GuardedRoute)


class KeyRequest(BaseModel):
    """A key to issue. A buyer key is bound to a buyer name, which is what hospitals' policies know."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    buyer: Name | None = None
    label: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w .,:@/-]*$")]
    lifetime_seconds: Annotated[int, Field(ge=60, le=10 * 365 * 86400)] | None = None


class KeySummary(BaseModel):
    """What is known about a key."""

    id: str
    role: Role
    buyer: str | None
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class IssuedKey(KeySummary):
    """A new key. The service keeps a hash only: `key` is shown once."""

    key: str


class Keys(BaseModel):
    """All keys, oldest first, revoked ones included."""

    keys: list[KeySummary]


@router.post("", status_code=status.HTTP_201_CREATED)
def issue_key(request: Request, response: Response, wanted: KeyRequest) -> IssuedKey:
    """Issue a key."""
    services = services_of(request)
    expires_at = None if wanted.lifetime_seconds is None else services.now + wanted.lifetime_seconds
    key, record = services.keys.issue(
        wanted.role, buyer=wanted.buyer, label=wanted.label, now=services.now, expires_at=expires_at
    )
    response.headers["Cache-Control"] = "no-store"
    return IssuedKey(key=key, **vars(_summary(record)))


@router.get("")
def list_keys(request: Request) -> Keys:
    """All keys, without their secrets."""
    return Keys(keys=[_summary(record) for record in services_of(request).keys.list()])


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(ApiKeyNotFound))
def revoke_key(request: Request, key_id: str) -> Response:
    """Revoke a key: the next request with it is refused."""
    if not (key_id.isascii() and key_id.isalnum()):
        raise ApiKeyNotFound("there is no API key with this id")
    services = services_of(request)
    services.keys.revoke(key_id, now=services.now)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _summary(record: KeyRecord) -> KeySummary:
    return KeySummary(**vars(record))
