"""The pipeline file: the one that is shipped, and those that operators have had for years."""

import pytest
from falcon.testing import TestClient

from magnum.conf.api import Api
from magnum.conf.default import Default
from magnum.conf.settings import SettingsError, load_settings

SEVEN_FILTERS = """
[pipeline:main]
pipeline = cors healthcheck http_proxy_to_wsgi request_id osprofiler authtoken api_v1

[app:api_v1]
paste.app_factory = magnum.api.app:app_factory

[filter:authtoken]
acl_public_routes = /, /v1
paste.filter_factory = magnum.api.middleware.auth_token:AuthTokenMiddleware.factory

[filter:osprofiler]
paste.filter_factory = magnum.common.profiler:WsgiMiddleware.factory

[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory

[filter:cors]
paste.filter_factory = oslo_middleware.cors:filter_factory
oslo_config_project = magnum

[filter:healthcheck]
paste.filter_factory = oslo_middleware:Healthcheck.factory
backends = disable_by_file
disable_by_file_path = {folder}/disabled

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
oslo_config_project = magnum
"""

FIVE_FILTERS = SEVEN_FILTERS.replace("http_proxy_to_wsgi request_id osprofiler", "request_id")

COMPOSITE = (
    SEVEN_FILTERS.replace(
        "[pipeline:main]\npipeline = cors healthcheck",
        """[composite:main]
paste.composite_factory = magnum.api:root_app_factory
/: api
/healthcheck: healthcheck

[pipeline:api]
pipeline = cors""",
    )
    .replace("[filter:healthcheck]", "[app:healthcheck]")
    .replace(
        "paste.filter_factory = oslo_middleware:Healthcheck.factory",
        "paste.app_factory = oslo_middleware:Healthcheck.app_factory",
    )
)


@pytest.fixture
def anybody(world):
    """An HTTP client that says nothing of itself."""

    def call(environ, start_response):
        return world.app(environ, start_response)

    return TestClient(call)


@pytest.fixture
def client(world, anybody, tmp_path):
    """Make the pipeline that is given, and a client of it."""

    def make(pipeline: str) -> TestClient:
        file = tmp_path / "paste.ini"
        file.write_text(pipeline.format(folder=tmp_path))
        world.configure(api=Api(api_paste_config=str(file)))
        return anybody

    return make


@pytest.mark.parametrize("pipeline", [SEVEN_FILTERS, FIVE_FILTERS, COMPOSITE], ids=["seven", "five", "composite"])
def test_pipelines_of_earlier_releases_load_unchanged(client, tmp_path, pipeline):
    asked = client(pipeline)
    assert asked.simulate_get("/v1").status_code == 200
    assert asked.simulate_get("/healthcheck").status_code == 200
    answer = asked.simulate_get("/v1/clusters")
    assert answer.json == {"clusters": []}
    assert answer.headers["x-openstack-request-id"]
    assert asked.simulate_options("/v1/clusters").status_code == 405
    (tmp_path / "disabled").touch()
    assert asked.simulate_get("/healthcheck").status_code == 503
    assert asked.simulate_get("/v1/clusters").status_code == 200


def test_a_composite_knows_nothing_else(client):
    only = COMPOSITE.replace("/: api\n", "/cloud: api\n")
    asked = client(only)
    assert asked.simulate_get("/elsewhere").status_code == 404
    answer = asked.simulate_get("/cloud/v1", headers={"Host": "api"})
    assert answer.json["links"][0]["href"] == "http://api/cloud/v1/"


def test_a_pipeline_that_is_not_there_is_named(world):
    with pytest.raises(SettingsError, match=r"The pipeline file /nowhere/paste\.ini"):
        world.configure(api=Api(api_paste_config="/nowhere/paste.ini"))


def test_a_relative_name_is_looked_up_beside_the_configuration(world, anybody, tmp_path):
    config = tmp_path / "magnum.conf"
    config.write_text("[DEFAULT]\nauth_strategy = noauth\n[api]\napi_paste_config = mine.ini\n")
    (tmp_path / "mine.ini").write_text("[app:main]\npaste.app_factory = magnum.api.app:app_factory\n")
    world.change(settings=load_settings(["--config-file", str(config)]))
    assert anybody.simulate_get("/v1").status_code == 200
    unknown = anybody.simulate_get("/v1/clusters")
    assert unknown.status_code == 401
    assert "passed no authentication" in unknown.json["errors"][0]["title"]


def test_rings_of_oslo_read_the_configuration_of_this_process(world, anybody, tmp_path):
    config = tmp_path / "magnum.conf"
    config.write_text(
        "[DEFAULT]\nauth_strategy = noauth\n[oslo_middleware]\nenable_proxy_headers_parsing = true\n"
        "[cors]\nallowed_origin = http://panel\n"
    )
    world.change(settings=load_settings(["--config-file", str(config)]))
    answer = anybody.simulate_get(
        "/v1", headers={"X-Forwarded-Proto": "https", "Host": "cloud", "Origin": "http://panel"}
    )
    assert answer.json["links"][0]["href"] == "https://cloud/v1/"
    assert answer.headers["access-control-allow-origin"] == "http://panel"


def test_keystone_without_anybody_who_checks_tokens_is_refused_at_the_start(world):
    with pytest.raises(SettingsError, match=r"needs a user who may check tokens"):
        world.configure(default=Default(auth_strategy="keystone"))


def test_a_public_route_that_is_no_pattern_is_refused_at_the_start(client):
    with pytest.raises(SettingsError, match="acl_public_routes"):
        client(SEVEN_FILTERS.replace("/, /v1", "/v1("))
