"""What all our commands share: calls to the extensions of the API through python-magnumclient's own connection.

Who asks, where the service is and how TLS is checked is that client's business, so a command here works wherever its
`coe` commands do. A refusal is told in the service's whole words; the client alone would show the first sentence.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from magnumclient import exceptions
from osc_lib.exceptions import CommandError

_NOT_SERVED = frozenset({404, 405})


class ClusterGone(CommandError):  # noqa: N818  what it says
    """There is no such cluster, or none any more."""


class Service:
    """The API, as far as our commands need it."""

    def __init__(self, manager: Any) -> None:
        """Take the connection from the command's manager of clients."""
        self._api = manager.container_infra.clusters.api

    def find(self, cluster: str, *, wait: int = 0) -> dict[str, Any]:
        """Give a cluster by name or UUID; with `wait`, when it has come to rest or after so many seconds."""
        query = f"?wait={wait}" if wait else ""
        try:
            return self._call("GET", f"/v1/clusters/{quote(cluster, safe='')}{query}")
        except exceptions.NotFound as error:
            raise ClusterGone(_words(error)) from error
        except exceptions.HttpError as error:
            raise CommandError(_words(error)) from error

    def extension(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call what only this service has."""
        try:
            return self._call(method, path, body)
        except exceptions.HttpError as error:
            if error.http_status in _NOT_SERVED and not error.details:
                raise CommandError(
                    f"This service does not have {path.rpartition('/')[2]}: it has no extensions."
                ) from error
            raise CommandError(_words(error)) from error

    def pages(self, path: str, name: str, *, limit: int | None = None, **query: str) -> Iterator[dict[str, Any]]:
        """Give the items of a collection, page by page, `limit` of them at most."""
        left = limit
        while left is None or left > 0:
            wanted = query if left is None else query | {"limit": str(left)}
            answer = self.extension("GET", f"{path}?{urlencode(wanted)}" if wanted else path)
            items = answer[name]
            yield from items
            left = None if left is None else left - len(items)
            if "next" not in answer:
                return
            query |= {"marker": str(items[-1].get("id") or items[-1]["uuid"])}

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        more = {} if body is None else {"body": body}
        _, answer = self._api.json_request(method, path, **more)
        if not isinstance(answer, dict):
            raise CommandError(f"The service's answer to {method} {path} is not JSON.")
        return answer


def _words(error: exceptions.HttpError) -> str:
    return str(error.details or error)
