"""What a process of the API loads before the first request: each of these would cost it a tenth of a second or MiBs."""

import subprocess
import sys

HEAVY = (
    "jinja2",
    "keystonemiddleware",
    "magnum.coe",
    "magnum.conductor",
    "magnum.drivers.fake.driver",
    "magnum.drivers.local",
    "oslo_middleware",
    "prometheus_client",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.postgresql",
    "webob",
)
PROGRAM = """
import sys
from magnum.api.app import load_app
from magnum.cmd import api
from magnum.cmd.assembly import make_service
from magnum.conf.settings import load_settings
load_app(make_service(load_settings(["--config-file", sys.argv[1]], program="magnum-api")))
print(*sys.modules, sep="\\n")
"""


def test_the_api_loads_only_what_it_uses(tmp_path):
    users, configuration = tmp_path / "htpasswd", tmp_path / "magnum.conf"
    users.write_text("")
    configuration.write_text(
        f"[DEFAULT]\nauth_strategy = http_basic\nhttp_basic_auth_user_file = {users}\n"
        f"[database]\nconnection = sqlite:///{tmp_path}/magnum.sqlite\n"
    )
    command = [sys.executable, "-c", PROGRAM, configuration]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert "magnum.api.clusters" in loaded
    assert not set(HEAVY) & set(loaded)
