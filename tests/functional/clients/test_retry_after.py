"""What the clients make of Retry-After; docs/decisions/0006-no-retry-after-to-users.md says what follows from it."""

import threading
from collections.abc import Iterator

import pytest
import yaml
from cheroot import wsgi
from programs import free_port
from real import VERSIONS, Client

from magnum.api.errors import document

TEXT = "No conductor answered"
STATUSES = (429, 503)


@pytest.fixture(scope="module")
def busy() -> Iterator[str]:
    """A service that is always busy: `/v1/{status}/{seconds}/…` answers with this status and this Retry-After."""

    def answer(environ, start_response):
        _, _, status, seconds, *_ = environ["PATH_INFO"].split("/")
        body = document(int(status), "server", f"{TEXT}. Try again shortly.")
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status} Busy", [*headers, *([("Retry-After", seconds)] if seconds != "none" else [])])
        return [body]

    server = wsgi.Server(("127.0.0.1", free_port()), answer, numthreads=8)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield f"http://127.0.0.1:{server.bind_addr[1]}/v1"
    server.stop()
    thread.join()


@pytest.fixture(scope="module", params=VERSIONS)
def client(request, programs, tmp_path_factory, busy) -> Client:
    clouds = {
        f"{status}-{seconds}": {"auth_type": "none", "auth": {"endpoint": f"{busy}/{status}/{seconds}"}}
        for status in STATUSES
        for seconds in ("none", "5")
    }
    file = tmp_path_factory.mktemp("busy") / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": clouds}))
    return Client(programs(request.param), file)


@pytest.mark.parametrize("status", STATUSES)
def test_without_the_header_the_person_reads_what_is_wrong(client, status):
    assert f"{TEXT} (HTTP {status})" in client.person(f"{status}-none").refused("coe cluster list")


@pytest.mark.parametrize("status", STATUSES)
def test_with_the_header_the_person_reads_of_a_defect_of_the_client(client, status):
    said = client.person(f"{status}-5").refused("coe cluster list")
    assert "unexpected keyword argument 'retry_after'" in said
    assert TEXT not in said
