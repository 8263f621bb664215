"""One call to an OpenStack service: JSON there and back, bounded in time, and its failure in the service's own words.

Who asks, and where the service is, is decided by whoever makes a `CloudService`. Nothing is tried twice here: callers
know what may be.
"""

from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1.access import AccessInfo
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.base import BaseIdentityPlugin

from .errors import CloudError, NotAllowed, NotThere, Refused, TrustEnded, Unanswered

LONGEST_TEXT = 600
Json = Any


class LoginRefused(keystoneauth.Unauthorized):
    """Keystone knows us and does not let us be who we want to be; the text says why."""


class CloudService:
    """A service, called `name` in texts ("Heat"), as one identity sees it. A path begins after the endpoint's own."""

    def __init__(self, name: str, adapter: Adapter) -> None:
        self.name = name
        self._adapter = adapter

    @property
    def identity(self) -> AccessInfo:
        """Who asks: the token that is used now, and what Keystone says of it. Raises CloudError."""
        auth = self._adapter.auth or self._adapter.session.auth
        assert isinstance(auth, BaseIdentityPlugin)
        try:
            return auth.get_access(self._adapter.session)
        except keystoneauth.ClientException as error:
            raise _told("Keystone", error) from None

    @property
    def project_id(self) -> str | None:
        """The project that the identity acts in. Raises CloudError."""
        try:
            project: str | None = self._adapter.get_project_id()
        except keystoneauth.ClientException as error:
            raise _told(self.name, error) from None
        return project

    @property
    def is_there(self) -> bool:
        """Whether the identity's catalogue leads to the service. Raises CloudError."""
        self._log_in()
        try:
            return self._adapter.get_endpoint() is not None
        except keystoneauth.CatalogException:
            return False
        except keystoneauth.ClientException as error:
            raise _told(self.name, error) from None

    @property
    def address(self) -> str:
        """Where the identity's catalogue says that it is. Raises CloudError."""
        try:
            address: str | None = self._adapter.get_endpoint()
        except keystoneauth.ClientException as error:
            raise _told(self.name, error) from None
        if address is None:
            raise NotThere(f"{self.name}: Keystone's catalogue has no such endpoint.")
        return address

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Json:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Json) -> Json:
        return self.call("POST", path, body=body)

    def put(self, path: str, body: Json) -> Json:
        return self.call("PUT", path, body=body)

    def patch(self, path: str, body: Json) -> Json:
        return self.call("PATCH", path, body=body)

    def delete(self, path: str, *, params: Mapping[str, Any] | None = None) -> None:
        self.call("DELETE", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Json:
        """Give what the service answers; None when it has nothing to say. Raises CloudError.

        A `timeout` in seconds, if there is one, holds instead of that of the cloud.
        """
        more: dict[str, Any] = {} if body is None else {"json": body}
        more |= {"params": {name: value for name, value in (params or {}).items() if value is not None}}
        response = self._request(method, path, timeout, {"Accept": "application/json", **(headers or {})}, **more)
        try:
            return response.json() if response.content else None
        except ValueError:
            raise Unanswered(f"{self.name} answered something that is no JSON.") from None

    def read(self, path: str, media_type: str, *, timeout: float | None = None) -> bytes:
        """Give something that is no JSON. Raises CloudError."""
        return bytes(self._request("GET", path, timeout, {"Accept": media_type}).content)

    def _request(self, method: str, path: str, timeout: float | None, headers: dict[str, str], **more: Any) -> Any:
        if timeout is not None:
            more["timeout"] = timeout
        self._log_in()
        try:
            return self._adapter.request(path, method, headers=headers, **more)
        except keystoneauth.ClientException as error:
            raise _told(self.name, error) from None

    def _log_in(self) -> None:
        """Have a token that is good. That there is none is told as Keystone's failure, whoever was to be asked."""
        try:
            self._adapter.get_token()
        except keystoneauth.ClientException as error:
            raise _told("Keystone", error) from None


def _told(service: str, error: keystoneauth.ClientException) -> CloudError:
    status = getattr(error, "http_status", None)
    if isinstance(error, LoginRefused):
        return TrustEnded(error.message)
    if not isinstance(error, keystoneauth.HttpError) or not isinstance(status, int) or status >= 500:
        return Unanswered(f"{service} does not answer as it should: {_shortened(_without_machinery(error))}")
    text = _said(error)
    if status in (401, 403):
        return NotAllowed(f"{service} refuses: {text}")
    return NotThere(f"{service}: {text}") if status == 404 else Refused(f"{service}: {text}", status)


def _said(error: keystoneauth.HttpError) -> str:
    """Find the sentence in an error's body; every service has a form of its own."""
    try:
        said = error.response.json() if error.response is not None else None
    except ValueError:
        return _shortened(str(error.message or error))
    for name in ("error", "errors", "faultstring", "description", "message", "title"):
        if isinstance(said, list) and said:
            said = said[0]
        if isinstance(said, dict) and name in said:
            said = said[name]
    if isinstance(said, dict) and len(said) == 1:  # Nova, Neutron: {"badRequest": {"message": …}}
        said = next(iter(said.values()))
    if isinstance(said, dict):
        said = said.get("message") or said.get("detail")
    return _shortened(said if isinstance(said, str) else str(error.message or error))


def _without_machinery(error: keystoneauth.ClientException) -> str:
    """Leave out what the library's library says of a connection: where it should have led to is enough."""
    return str(error).partition(": HTTP")[0] if isinstance(error, keystoneauth.ConnectFailure) else str(error)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
