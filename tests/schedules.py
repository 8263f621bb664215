"""Which process runs which test, where several share them (--dist=loadgroup).

All tests that need the same server are of one process, which starts it once; so are the modules that have a service
or a cluster of their own. The longest of these rows come first. Any other test is run by whoever is free.
"""

import re

import pytest
from databases import KINDS
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SERVERS = (*KINDS, "http_basic", "keystone")
"""As they are named among the parameters of a test."""
REAL_CLUSTERS = "tests/kubernetes/"
"""Each module in there has one, or the modules of a folder together."""
MODULES = {
    "tests/functional/clients/test_keystone.py": "keystone",
    "tests/functional/clients/test_retry_after.py": "http_basic",  # where the same programs are loaded
    "tests/functional/test_commands.py": "commands",
    "tests/functional/test_osc_commands.py": "osc commands",
}


class ByServer(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        module, _, test = nodeid.partition("::")
        if module.startswith(REAL_CLUSTERS):
            return module.removeprefix(REAL_CLUSTERS).partition("/")[0]
        named = re.split(r"[^a-z_]", test.partition("[")[2])
        return next((server for server in SERVERS if server in named), None) or MODULES.get(module, nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServer | None:
    return ByServer(config, log) if config.getvalue("dist") == "loadgroup" else None
