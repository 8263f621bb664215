"""Barbican: secrets, and the containers that hold them together, as one identity stores and finds them.

Barbican gives ids of its own, and names need not be unique. What has a name is therefore only taken for ours when we
have made it ourselves: it says who has created what, and nobody else can say so.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from .calls import CloudService
from .errors import NotThere, Unanswered
from .names import is_id

BYTES, TEXT = "application/octet-stream", "text/plain"
"""How a payload was stored, and so how it is read."""
_MOST = 100
"""Of a name; Barbican gives no more on one page."""


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """`secrets` are ids by what each is in the container, `consumers` the names of who has registered."""

    id: str
    name: str | None
    creator_id: str | None
    secrets: dict[str, str]
    consumers: tuple[str, ...]


class Barbican:
    """All methods raise CloudError. `left` says how many seconds the next call may take, or raises."""

    def __init__(self, service: CloudService, left: Callable[[], float]) -> None:
        self._service = service
        self._left = left

    @property
    def name(self) -> str:
        return self._service.name

    def own_containers(self, name: str) -> list[Container]:
        """Give those of this name that we have made, oldest first."""
        found = self._call("GET", "/v1/containers", params={"name": name, "limit": _MOST})["containers"]
        return [_container(one) for one in found if self._is_own(one, name)]

    def container(self, ident: str) -> Container:
        return _container(self._call("GET", f"/v1/containers/{ident}"))

    def own_secrets(self, name: str) -> list[str]:
        """Give the ids of those of this name that we have made."""
        found = self._call("GET", "/v1/secrets", params={"name": name, "limit": _MOST})["secrets"]
        return [_id_of(one["secret_ref"]) for one in found if self._is_own(one, name)]

    def payload(self, ident: str, media_type: str) -> bytes:
        return self._service.read(f"/v1/secrets/{ident}/payload", media_type, timeout=self._left())

    def create_secret(self, name: str, payload: str) -> str:
        """Give the reference that a container takes. The payload is base64 of what is to be read."""
        body = {"name": name, "payload": payload, "payload_content_type": BYTES, "payload_content_encoding": "base64"}
        ref: str = self._call("POST", "/v1/secrets", body)["secret_ref"]
        return ref

    def create_container(self, name: str, secret_refs: dict[str, str]) -> str:
        """Make one of a certificate; give its id."""
        refs = [{"name": part, "secret_ref": ref} for part, ref in secret_refs.items()]
        made = self._call("POST", "/v1/containers", {"name": name, "type": "certificate", "secret_refs": refs})
        return _id_of(made["container_ref"])

    def let_read(self, path: str, users: Sequence[str]) -> None:
        """Let only its creator and these users read what is there, instead of the whole project."""
        self._call("PUT", f"{path}/acl", {"read": {"users": list(users), "project-access": False}})

    def register(self, container: str, name: str, url: str) -> None:
        """Say who uses the container. Said again, it is the same."""
        self._call("POST", f"/v1/containers/{container}/consumers", {"name": name, "URL": url})

    def delete(self, path: str) -> None:
        """What is not there is fine."""
        with suppress(NotThere):
            self._call("DELETE", path)

    def _is_own(self, one: dict[str, Any], name: str) -> bool:
        return one.get("name") == name and one.get("creator_id") == self._service.identity.user_id

    def _call(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> Any:
        return self._service.call(method, path, body=body, params=params, timeout=self._left())


def secret_path(ref: str) -> str:
    """Give the path of a secret by its reference; where that leads is not where it is asked for."""
    return f"/v1/secrets/{_id_of(ref)}"


def container_path(ident: str) -> str:
    return f"/v1/containers/{ident}"


def _container(found: dict[str, Any]) -> Container:
    return Container(
        id=_id_of(found["container_ref"]),
        name=found.get("name"),
        creator_id=found.get("creator_id"),
        secrets={one["name"]: _id_of(one["secret_ref"]) for one in found.get("secret_refs") or ()},
        consumers=tuple(one["name"] for one in found.get("consumers") or ()),
    )


def _id_of(ref: str) -> str:
    ident = ref.rstrip("/").rpartition("/")[2]
    if not is_id(ident):
        raise Unanswered(f"Barbican answered with the reference '{ref[:200]}', which ends with no id.")
    return ident
