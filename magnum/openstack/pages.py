"""Lists that a service gives in pages, to their end and typed."""

from typing import Any, TypeVar

import msgspec

from .calls import CloudService
from .errors import Unanswered

T = TypeVar("T")


def list_all(service: CloudService, path: str, collection: str, kind: type[T], **query: str) -> tuple[T, ...]:
    """Give every item: by one call, unless the service says that there is more. Raises CloudError."""
    found: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    try:
        while True:
            answer = service.get(path, params=query | marker)
            page = answer[collection]
            found += page
            if not page or not any(link["rel"] == "next" for link in answer.get(f"{collection}_links") or ()):
                return msgspec.convert(found, tuple[kind, ...])  # type: ignore[valid-type]
            marker = {"marker": page[-1]["id"]}
    except (AttributeError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise Unanswered(f"{service.name} lists its {collection} in a form that is not known: {error!r}") from None
