"""What the operations of the API promise, written down beside the functions that keep it.

    @promises("list_stats", "Count clusters and nodes", rule="stats:get_all", answers={200: Answer(StatsView)})
    def on_get(self, req, resp): ...

`magnum.api.openapi` makes the published document of these, of the routes and of the types that requests are read into
and answers are made of. What holds for every operation (who asks, versions, bounds of a body) is said there, once.
Nothing here is looked at while a request is answered.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from .microversions import Version
from .schemas.reading import Access

Handler = TypeVar("Handler", bound=Callable[..., None])


class Query(msgspec.Struct, frozen=True):
    """A query parameter. `kind` is a type with its bounds."""

    name: str
    kind: Any
    description: str
    since: Version | None = None


class Body(msgspec.Struct, frozen=True):
    """A JSON body, of one of two shapes perhaps. `changes` has the attributes that a patch can change."""

    shape: Any
    access: Access = Access()
    changes: type[msgspec.Struct] | None = None
    is_optional: bool = False
    other_shape: Any = None

    @property
    def shapes(self) -> tuple[Any, ...]:
        return (self.shape,) if self.other_shape is None else (self.shape, self.other_shape)


class Answer(msgspec.Struct, frozen=True):
    """An answer to what was done as asked; `shape` is None when it has no body."""

    shape: Any = None
    headers: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """What was asked for is written down and will be done; look at the resource to see how it goes."""

    uuid: str


PROMISE = "promise"


class _Named(msgspec.Struct, frozen=True):
    id: str
    summary: str


class Operation(_Named, frozen=True, kw_only=True):
    """What a handler promises, and the decorator that says so of it.

    `refusals` are the statuses beyond those that every operation may answer with.
    """

    answers: Mapping[int, Answer]
    rule: str | None = None
    query: tuple[Query, ...] = ()
    body: Body | None = None
    refusals: tuple[int, ...] = ()
    since: Version | None = None
    until: Version | None = None
    is_extension: bool = False

    def __call__(self, handler: Handler) -> Handler:
        setattr(handler, PROMISE, self)
        return handler


promises = Operation


def refuses(name: str, summary: str, *, until: Version | None = None) -> Operation:
    """Declare a handler that does nothing but refuse, for any method that it stands for."""
    return promises(name, summary, answers={}, refusals=(400,), until=until)


def page_of(name: str, item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Make the type of a collection's page, as `paging.collection` makes the page itself."""
    link = msgspec.field(default=UNSET)
    return msgspec.defstruct(
        f"{item.__name__.removesuffix('View')}Page",
        [(name, list[item]), ("next", str | UnsetType, link)],  # type: ignore[valid-type]
        namespace={"__doc__": "`next` leads to the next page; it is there when this one is full."},
        frozen=True,
    )
