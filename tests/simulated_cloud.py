"""A simulated cloud: HTTP answers in the form that Keystone, Glance, Nova, Neutron, Cinder and Barbican give them.

It is no OpenStack: it knows what a test puts into its lists, and nothing of it becomes real. A service fails as a test
says (`faults`): with a status, or by saying nothing until the test is over.
"""

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity.access import AccessInfoPlugin
from simulated_barbican import SimulatedBarbican

from magnum.conf.settings import Settings
from magnum.openstack.clouds import Cloud

with warnings.catch_warnings():
    # What checks tokens is made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    import webob  # noqa: F401

SERVICES = {
    "identity": ("Keystone", "/v3"),
    "image": ("Glance", ""),
    "compute": ("Nova", "/v2.1"),
    "network": ("Neutron", ""),
    "block-storage": ("Cinder", "/v3"),
    "load-balancer": ("Octavia", ""),
    "key-manager": ("Barbican", ""),
}
SILENCE = "silence"
TOKEN, SERVICE_TOKEN = "token-of-ann", "token-of-magnum"
USERS = {TOKEN: ("ann", "fishers"), SERVICE_TOKEN: ("magnum", "service")}
"""User and project of each."""
PUBLIC_KEY = "ssh-ed25519 AAAA ann"


def uuid(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def image(number: int, name: str, **more) -> dict:
    usual = {"status": "active", "os_distro": "fake", "min_disk": 0, "min_ram": 0, "size": 5, "virtual_size": None}
    return {"id": uuid(number), "name": name} | usual | more


def flavor(ident: str, name: str, *, disk: int = 20, ram: int = 2048) -> dict:
    return {"id": ident, "name": name, "ram": ram, "vcpus": 1, "disk": disk}


def network(number: int, name: str, *, external: bool = False) -> dict:
    return {"id": uuid(number), "name": name, "router:external": external}


def subnet(number: int, name: str, of: int) -> dict:
    return {"id": uuid(number), "name": name, "network_id": uuid(of), "cidr": "10.0.0.0/24", "ip_version": 4}


class SimulatedCloud:
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.faults: dict[str, int | str] = {}
        self.calls: list[tuple[str, str, str]] = []
        """Service, method and path of each, but for what Keystone is asked about tokens."""
        self.over = threading.Event()
        self.one_by_one = threading.Lock()
        self.kept = 0
        """How many calls Barbican has answered."""
        self.services = set(SERVICES)
        self.images = [image(1, "fake"), image(2, "twin"), image(3, "twin"), image(4, "bare", os_distro="")]
        self.flavors = [flavor("1", "m1.small"), flavor("2", "m1.large", ram=8192), flavor("3", "m1.none", disk=0)]
        self.key_pairs = {"key": PUBLIC_KEY}
        self.networks = [network(11, "public", external=True), network(12, "lan"), network(13, "lan2")]
        self.subnets = [subnet(21, "lan-a", 12), subnet(22, "lan2-a", 13)]
        self.volume_types = [{"id": uuid(31), "name": "fast"}, {"id": uuid(32), "name": "slow"}]
        self.zones = {"nova": True, "broken": False}
        self.barbican = SimulatedBarbican(f"{self.url}/key-manager")
        self.after: Callable[[int], int | None] = lambda _: None
        """Told the number of a call that was done, it may say that it answers with a failure all the same."""
        self.most_flavors = 1000
        """On one page."""

    def seen_by(self, settings: Settings, *, token: str = TOKEN, seconds: float = 5.0) -> Cloud:
        """Give the cloud as the owner of the token sees it."""
        access = AccessInfoV3({"token": self.token_of(*USERS[token])}, auth_token=token)
        return Cloud(settings, AccessInfoPlugin(access), timeout=seconds)

    def token_of(self, user: str, project: str) -> dict:
        domain = {"id": "default", "name": "Default"}
        return {
            "user": {"id": user, "name": user, "domain": domain},
            "project": {"id": project, "name": project, "domain": domain},
            "roles": [{"id": role, "name": role} for role in ("member", "reader", "service")],
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "issued_at": datetime.now(UTC).isoformat(),
            "methods": ["password"],
            "catalog": [
                {"type": kind, "id": kind, "name": kind, "endpoints": self._endpoints(kind)}
                for kind in SERVICES
                if kind in self.services
            ],
        }

    def _endpoints(self, kind: str) -> list[dict]:
        usual = {"region": "one", "region_id": "one", "url": f"{self.url}/{kind}{SERVICES[kind][1]}"}
        return [{"id": f"{kind} {interface}", "interface": interface} | usual for interface in ("public", "internal")]

    def answer(self, kind: str, path: str, query: dict[str, str]) -> object:  # noqa: PLR0911
        """Give the document, or None where there is nothing."""
        match kind, path.strip("/").split("/"):
            case "image", ["v2", "images"]:
                return {"images": [one for one in self.images if one["name"] == query["name"]]}
            case "image", ["v2", "images", ident]:
                return next((one for one in self.images if one["id"] == ident), None)
            case "compute", ["v2.1", "flavors", "detail"]:
                return self._page_of_flavors(query.get("marker"))
            case "compute", ["v2.1", "os-keypairs", name] if unquote(name) in self.key_pairs:
                return {"keypair": {"name": unquote(name), "public_key": self.key_pairs[unquote(name)]}}
            case "compute", ["v2.1", "os-availability-zone"]:
                zones = [{"zoneName": name, "zoneState": {"available": is_}} for name, is_ in self.zones.items()]
                return {"availabilityZoneInfo": zones}
            case "network", ["v2.0", ("networks" | "subnets") as collection]:
                return {collection: _filtered(getattr(self, collection), query)}
            case "block-storage", ["v3", "types"]:
                return {"volume_types": self.volume_types}
            case "block-storage", ["v3", "types", "default"] if self.volume_types:
                return {"volume_type": self.volume_types[-1]}
        return None

    def _page_of_flavors(self, marker: str | None) -> dict:
        start = next((at for at, one in enumerate(self.flavors, 1) if one["id"] == marker), 0)
        page = self.flavors[start : start + self.most_flavors]
        more = [{"rel": "next", "href": "…"}] if self.flavors[start + self.most_flavors :] else []
        return {"flavors": page} | ({"flavors_links": more} if more else {})


class OwnClouds:
    """What our service user sees of it, of all that conductors see."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._own = cloud.seen_by(Settings(), token=SERVICE_TOKEN)

    def own(self) -> Cloud:
        return self._own


def _filtered(found: list[dict], query: dict[str, str]) -> list[dict]:
    return [one for one in found if all(str(one[name]) == value for name, value in query.items())]


class Handler(BaseHTTPRequestHandler):
    cloud: SimulatedCloud

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        _, kind, *rest = url.path.split("/", 2)
        path = "/" + "".join(rest)
        if kind == "identity":
            self._identify()
            return
        service = SERVICES[kind][0]
        self.cloud.calls.append((service, self.command, path))
        fault = self.cloud.faults.get(service)
        if fault == SILENCE:
            self.cloud.over.wait()
        elif fault:
            self._say({"error": {"message": f"{service} is told to fail"}}, int(fault))
        elif self.headers["X-Auth-Token"] not in USERS:
            self._say({}, 401)
        elif service == "Barbican":
            self._keep(path, parse_qs(url.query))
        else:
            found = self.cloud.answer(kind, path, {name: value for name, [value] in parse_qs(url.query).items()})
            self._say(
                {"itemNotFound": {"message": "not here"}} if found is None else found, 404 if found is None else 200
            )

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _keep(self, path: str, query: dict[str, list[str]]) -> None:
        """Be Barbican."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        user, _ = USERS[self.headers["X-Auth-Token"]]
        asked = {name: value for name, [value] in query.items()}
        with self.cloud.one_by_one:
            status, document = self.cloud.barbican.answer(self.command, path, asked, body, user)
            self.cloud.kept += 1
            failure = self.cloud.after(self.cloud.kept)
        self._say({} if failure else document, failure or status)

    def _identify(self) -> None:
        """Be Keystone: our service user logs in and has a token looked at."""
        if not self.path.endswith("/auth/tokens"):
            link = {"rel": "self", "href": f"{self.cloud.url}/identity/v3"}
            self._say({"version": {"id": "v3.14", "status": "stable", "links": [link]}}, 200)
        elif self.command == "POST":
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say({"token": self.cloud.token_of("magnum", "service")}, 201, **{"X-Subject-Token": SERVICE_TOKEN})
        elif self.headers["X-Subject-Token"] == TOKEN:
            self._say({"token": self.cloud.token_of("ann", "fishers")}, 200)
        else:
            self._say({}, 404)

    def _say(self, document: object, status: int, **headers: str) -> None:
        body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_anything: object) -> None:
        """Nobody reads it."""


@contextmanager
def simulated_cloud() -> Iterator[SimulatedCloud]:
    handler = type("Handler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    handler.cloud = cloud = SimulatedCloud(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cloud
    finally:
        cloud.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
