"""What the tests of the document share."""

import pytest


@pytest.fixture(scope="module")
def document(shared_world):
    """The document as a service in this process serves it."""
    return shared_world.new_client().simulate_get("/v1/openapi.json").json
