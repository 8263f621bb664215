"""The examples of the document are what this service answers.

They were recorded by this test: `make openapi-examples` records them anew, after a change of what is answered.
"""

import os
from collections.abc import Iterator

import msgspec
from openapi_operations import list_operations
from openapi_rig import prepare, running_service
from openapi_story import tell

from magnum.api.openapi.examples import FILE, Exchange, read_examples

RECORD = "MAGNUM_RECORD_EXAMPLES"


def agree(one: object, other: object) -> bool:
    """Tell whether two answers have the same attributes. What is in them differs from life to life of a service."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = one.keys() & other.keys()
        return (one.keys() == other.keys() or not one or not other) and all(agree(one[key], other[key]) for key in both)
    if isinstance(one, list) and isinstance(other, list):
        return all(agree(first, second) for first, second in zip(one[:1], other[:1], strict=False))
    return True


def asked(exchanges: tuple[Exchange, ...]) -> Iterator[tuple]:
    for one in exchanges:
        yield one.operation, one.name, one.path, one.version, one.status


def test_they_are_answered_like_this(tmp_path, document):
    with running_service(tmp_path) as service:
        prepare(service.url)
        told = tuple(tell(service.url))
    if os.environ.get(RECORD):
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    recorded = read_examples()
    assert list(asked(told)) == list(asked(recorded))
    for now, then in zip(told, recorded, strict=True):
        assert agree(now.body, then.body), now.operation
        assert agree(now.answer, then.answer), now.operation
    answers = {
        (operation["operationId"], int(status))
        for _, _, operation in list_operations(document)
        for status in operation["responses"]
        if status.startswith("2")
    }
    assert {(one.operation, one.status) for one in told} == answers
