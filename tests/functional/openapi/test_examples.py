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


def shape_of(value: object) -> object:
    """Give what does not differ between two lives of a service: the names of attributes, also in lists."""
    if isinstance(value, dict):
        return {name: shape_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value[:1]]
    return None


def asked(exchanges: tuple[Exchange, ...]) -> Iterator[tuple]:
    for one in exchanges:
        body = one.body if one.operation not in {"sign_certificate", "make_client_config"} else shape_of(one.body)
        yield one.operation, one.name, one.path, one.version, one.status, body


def test_they_are_answered_like_this(tmp_path, document):
    with running_service(tmp_path) as service:
        prepare(service.url)
        told = tuple(tell(service.url))
    if os.environ.get(RECORD):
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    recorded = read_examples()
    assert list(asked(told)) == list(asked(recorded))
    for now, then in zip(told, recorded, strict=True):
        assert shape_of(now.answer) == shape_of(then.answer), now.operation
    answers = {
        (operation["operationId"], int(status))
        for _, _, operation in list_operations(document)
        for status in operation["responses"]
        if status.startswith("2")
    }
    assert {(one.operation, one.status) for one in told} == answers
