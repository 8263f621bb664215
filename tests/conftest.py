"""What holds for all tests: tests of real machines need root, and are named when they are left out.

Database servers are started when the first test asks for one, and end with the session. Where several processes share
the tests, all that need the same server are run by the same one, which starts it once (schedules.py). No property is
judged by how long an example takes: that is the machine's affair.
"""

import contextlib
import os
from collections.abc import Iterator

import pytest
from databases import Servers
from hypothesis import HealthCheck, settings

pytest_plugins = ["schedules"]

settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=f"needs root: {item.nodeid}"))


@pytest.fixture(scope="session")
def database_servers() -> Iterator[Servers]:
    with contextlib.ExitStack() as until:
        yield Servers(until)
