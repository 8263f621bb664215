"""A route: a path, what is served there, and which of its handlers (`on_get_detail` and so on) serve it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .contract import PROMISE, Operation
from .resources import Endpoint

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Route(NamedTuple):
    path: str
    resource: Endpoint
    suffix: str | None = None

    def handlers(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Give the methods that are served, each with its handler."""
        for method in METHODS:
            name = f"on_{method.lower()}" + (f"_{self.suffix}" if self.suffix else "")
            handler = getattr(self.resource, name, None)
            if handler is not None:
                yield method, handler

    def operations(self) -> Iterator[tuple[str, Operation]]:
        for method, handler in self.handlers():
            yield method, getattr(handler, PROMISE)
