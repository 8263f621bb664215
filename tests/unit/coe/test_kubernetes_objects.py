import urllib.parse

import pytest
from fake_api import refusal

from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import (
    KubernetesError,
    KubernetesRefused,
    KubernetesUnreachable,
    KubernetesUntrusted,
)
from magnum.coe.kubernetes_values import ObjectName


@pytest.fixture
def client(engine, tls):
    return KubernetesClient(f"https://{engine.address}", tls, timeout=5)


CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "dns", "namespace": "kube-system"},
    "data": {"a": "b"},
}


class TestObjects:
    PATH = "/api/v1/namespaces/kube-system/configmaps/dns"
    NAME = ObjectName("v1", "ConfigMap", "dns", "kube-system")

    @pytest.fixture(autouse=True)
    def kinds(self, engine):
        core = [{"name": "pods/log", "kind": "Pod"}, {"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]
        engine.answer("GET /api/v1", 200, {"resources": core})
        rbac = [{"name": "clusterroles", "kind": "ClusterRole", "namespaced": False}]
        engine.answer("GET /apis/rbac.authorization.k8s.io/v1", 200, {"resources": rbac})

    def test_apply(self, engine, client):
        engine.answer(f"PATCH {self.PATH}", 200, CONFIG_MAP)
        assert client.apply(CONFIG_MAP) == CONFIG_MAP
        client.apply(CONFIG_MAP, dry_run=True)
        first, second = (urllib.parse.parse_qs(question.partition("?")[2]) for question, _ in engine.changes)
        assert first == {"fieldManager": ["magnum"], "force": ["true"]}
        assert len(engine.asked) == 3, "where objects of this kind are is asked once"
        assert second == first | {"dryRun": ["All"]}
        assert engine.changes[0][1] == CONFIG_MAP
        assert engine.media_types[-1] == "application/apply-patch+yaml"

    def test_apply_of_what_belongs_to_the_whole_cluster(self, engine, client):
        path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:dns"
        manifest = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:dns"},
        }
        engine.answer(f"PATCH {path.replace(':', '%3A')}", 201, manifest)
        assert client.apply(manifest) == manifest

    def test_apply_where_the_server_knows_no_apply(self, engine, client):
        kinds = [{"name": "apiservices", "kind": "APIService"}]
        engine.answer("GET /apis/apiregistration.k8s.io/v1", 200, {"resources": kinds})
        collection = "/apis/apiregistration.k8s.io/v1/apiservices"
        manifest = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "a"}}
        engine.answer(f"PATCH {collection}/a", 404, refusal("NotFound", "no"))
        engine.answer(f"POST {collection}", 201, manifest)
        assert client.apply(manifest, dry_run=True) == manifest
        options = "?fieldManager=magnum&dryRun=All"
        assert engine.changes == [
            (f"PATCH {collection}/a{options}", manifest),
            (f"POST {collection}{options}", manifest),
        ]
        engine.answer(f"PATCH {collection}/a", 200, manifest)
        client.apply(manifest)
        assert len(engine.changes) == 3

    def test_a_refusal_says_why(self, engine, client):
        engine.answer(f"PATCH {self.PATH}", 422, refusal("Invalid", "data.a:\x1b[1m Invalid value"))
        with pytest.raises(KubernetesRefused, match=r"127.0.0.1:\d+: data.a: \[1m Invalid value") as refused:
            client.apply(CONFIG_MAP)
        assert (refused.value.status, refused.value.reason) == (422, "Invalid")

    def test_a_kind_that_is_not_known_yet(self, engine, client):
        engine.answer("GET /apis/example.com/v1", 404, refusal("NotFound", "page not found"))
        with pytest.raises(KubernetesRefused, match=r"knows no Thing of example.com/v1"):
            client.get(ObjectName("example.com/v1", "Thing", "a"))
        engine.answer("GET /apis/example.com/v1", 200, {"resources": [{"name": "things", "kind": "Thing"}]})
        engine.answer("GET /apis/example.com/v1/things/a", 200, {"kind": "Thing"})
        assert client.get(ObjectName("example.com/v1", "Thing", "a")) == {"kind": "Thing"}

    @pytest.mark.parametrize(
        ("name", "wants"),
        [
            (ObjectName("v1", "ConfigMap", "dns"), "ConfigMap dns needs a namespace"),
            (ObjectName("rbac.authorization.k8s.io/v1", "ClusterRole", "a", "b"), "b/a belongs to no namespace"),
        ],
    )
    def test_an_object_in_no_place(self, client, name, wants):
        with pytest.raises(KubernetesError, match=wants):
            client.get(name)

    def test_get(self, engine, client):
        engine.answer(f"GET {self.PATH}", 200, CONFIG_MAP)
        assert client.get(self.NAME) == CONFIG_MAP
        engine.answer(f"GET {self.PATH}", 404, refusal("NotFound", "no"))
        assert client.get(self.NAME) is None

    def test_delete(self, engine, client):
        engine.answer(f"DELETE {self.PATH}", 200, {})
        client.delete(self.NAME, grace_seconds=0)
        ((_, options),) = engine.changes
        assert (options["propagationPolicy"], options["gracePeriodSeconds"]) == ("Background", 0)
        engine.answer(f"DELETE {self.PATH}", 404, refusal("NotFound", "no"))
        client.delete(self.NAME)

    @pytest.mark.parametrize(
        "manifest", [{}, {"apiVersion": "v1", "kind": "Pod"}, {**CONFIG_MAP, "metadata": {"name": 3}}]
    )
    def test_what_is_no_object(self, client, manifest):
        with pytest.raises(ValueError, match="no object of Kubernetes"):
            client.apply(manifest)


class TestFailing:
    def test_nobody_there(self, one_connection, context, tls):
        with one_connection(context, lambda _: None) as (host, port):
            pass
        with pytest.raises(KubernetesUnreachable, match="refused"):
            KubernetesClient(f"{host}:{port}", tls, timeout=5).version()

    def test_another_cluster(self, engine, tls, make_cluster):
        from msgspec.structs import replace

        with pytest.raises(KubernetesUntrusted, match="not to be believed"):
            KubernetesClient(engine.address, replace(tls, ca=make_cluster("other").ca), timeout=5).version()

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"major": 1}', b"[" * 100_000])
    def test_an_answer_that_is_none(self, engine, client, body):
        engine.answer("GET /version", 200, body)
        with pytest.raises(KubernetesError, match="its answer to /version is not understood"):
            client.version()

    @pytest.mark.parametrize(
        ("body", "said"),
        [(b"Service <down>", "Service <down>"), (b"", "status 503 and no reason"), (b"[" * 9999, r"\[\[")],
    )
    def test_a_refusal_in_other_words(self, engine, client, body, said):
        engine.answer("GET /version", 503, body)
        with pytest.raises(KubernetesRefused, match=said) as refused:
            client.version()
        assert len(str(refused.value)) < 600

    @pytest.mark.parametrize("address", ["", "http://10.0.0.5:6443", "https://"])
    def test_no_address(self, tls, address):
        with pytest.raises(ValueError, match="no address of a cluster's API"):
            KubernetesClient(address, tls)
