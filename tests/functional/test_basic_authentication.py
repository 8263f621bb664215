"""auth_strategy = http_basic, over HTTP: who gets in, as whom, and what a flood of wrong passwords costs."""

import base64

import bcrypt
import pytest

from magnum.conf.default import Default
from magnum.conf.settings import SettingsError


def line(name: str, password: str, *rest: str) -> str:
    return ":".join([name, bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(), *rest]) + "\n"


@pytest.fixture
def file(world, tmp_path):
    path = tmp_path / "htpasswd"
    path.write_text(
        "# people\n\n"
        + line("ann", "sesame", "fishers", "member")
        + line("root", "toor", "operators", "admin")
        + line("plain", "words")
        + "broken:line\n"
    )
    world.configure(default=Default(auth_strategy="http_basic", http_basic_auth_user_file=path))
    return path


class Client:
    def __init__(self, world) -> None:
        self.client = world.person("nobody", "nowhere", "none").client

    def get(self, path: str, name: str | None = None, password: str = "", **headers: str):
        if name is not None:
            encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        return self.client.simulate_get(path, headers=headers | {"Accept": "application/json"})

    def post(self, path: str, name: str, password: str, body):
        encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
        return self.client.simulate_post(path, json=body, headers={"Authorization": f"Basic {encoded}"})


@pytest.fixture
def client(world, file) -> Client:
    return Client(world)


@pytest.fixture
def verified(monkeypatch) -> list[bytes]:
    """What bcrypt was asked."""
    asked = []
    check = bcrypt.checkpw

    def note(password: bytes, hashed: bytes) -> bool:
        asked.append(hashed)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    return asked


def test_a_user_acts_in_its_project_with_its_roles(client):
    made = client.post("/v1/clustertemplates", "ann", "sesame", {"coe": "swarm", "image_id": "fake"}).json
    assert (made["user_id"], made["project_id"], made["public"]) == ("ann", "fishers", False)
    published = {"coe": "swarm", "image_id": "fake", "public": True}
    assert client.post("/v1/clustertemplates", "ann", "sesame", published).status_code == 403
    assert client.post("/v1/clustertemplates", "root", "toor", published).status_code == 201


def test_a_line_of_htpasswd_is_a_member_of_a_project_of_its_own(client):
    made = client.post("/v1/clustertemplates", "plain", "words", {"coe": "swarm", "image_id": "fake"})
    assert (made.status_code, made.json["project_id"]) == (201, "plain")
    assert client.get("/v1/clustertemplates", "plain", "words").status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
def test_the_version_documents_are_public(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("nobody", "sesame"),
        ("", ""),
        ("broken", "line"),
        ("ann", "sesame\x00"),
        ("ann", "x" * 73),
    ],
)
def test_whoever_is_wrong_is_401_and_not_told_why(client, name, password):
    answer = client.get("/v1/clusters", name, password)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="magnum", charset="UTF-8"'
    assert answer.json["errors"][0]["title"] == "The user name or the password is wrong, or not given"
    assert answer.headers["x-openstack-request-id"]


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Basic YQ==", "Bearer YTpi", "Basic " + "A" * 5000, "Basic /w=="]
)
def test_a_header_that_makes_no_sense_is_401(client, header):
    assert client.get("/v1/clusters", Authorization=header).status_code == 401


def test_nobody_becomes_somebody_by_headers(client):
    answer = client.get("/v1/clusters", **{"X-Roles": "admin", "X-User-Id": "root", "X-Auth-Token": "root:operators"})
    assert answer.status_code == 401


def test_a_password_is_verified_once_in_five_minutes(world, client, verified):
    for _ in range(3):
        assert client.get("/v1/clusters", "ann", "sesame").status_code == 200
    assert len(verified) == 1
    world.clock.turn(301)
    assert client.get("/v1/clusters", "ann", "sesame").status_code == 200
    assert len(verified) == 2


def test_a_wrong_password_is_verified_each_time(client, verified):
    for _ in range(3):
        assert client.get("/v1/clusters", "ann", "wrong").status_code == 401
    assert len(verified) == 3


def test_an_unknown_user_costs_as_much_as_a_known_one(client, verified):
    client.get("/v1/clusters", "nobody", "sesame")
    client.get("/v1/clusters", "ann", "wrong")
    unknown, known = verified
    assert unknown[:7] == known[:7] == b"$2b$04$"


def test_a_change_of_the_file_counts_at_once(client, file, verified):
    assert client.get("/v1/clusters", "ann", "sesame").status_code == 200
    file.write_text(line("ann", "changed", "fishers", "member"))
    assert client.get("/v1/clusters", "ann", "sesame").status_code == 401
    assert client.get("/v1/clusters", "ann", "changed").status_code == 200
    assert client.get("/v1/clusters", "root", "toor").status_code == 401


def test_a_file_that_is_gone_lets_nobody_in(client, file, caplog):
    assert client.get("/v1/clusters", "ann", "sesame").status_code == 200
    file.unlink()
    assert client.get("/v1/clusters", "ann", "sesame").status_code == 503
    assert "so nobody gets in" in caplog.text


def test_a_file_that_is_not_there_is_refused_at_the_start(world, tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        world.configure(default=Default(auth_strategy="http_basic", http_basic_auth_user_file=tmp_path / "none"))


def test_no_password_and_no_hash_is_logged(client, file, caplog):
    file.write_text(line("ann", "sesame") + "eve:secret-in-clear\n")
    client.get("/v1/clusters", "ann", "sesame")
    client.get("/v1/clusters", "ann", "wrong-guess")
    assert "Line 2 of the user file" in caplog.text
    for secret in ("secret-in-clear", "sesame", "wrong-guess", "$2b$"):
        assert secret not in caplog.text
