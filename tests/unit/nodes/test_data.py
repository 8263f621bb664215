import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.nodes.data import Engine, HeatSignal, NodeToken, Trustee

PIN = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_what_is_not_given_has_no_file(make_data):
    assert make_data().values() == {
        "cluster_uuid": "5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
        "node_name": "web-1",
        "role": "worker",
        "coe": "swarm-mode",
        "address": "10.20.0.11",
        "api_url": "https://10.20.0.1:9511/v1",
        "auth": "token",
        "token": "secret-token-of-the-node-0123456789abcdef",
    }


def test_everything_given_has_a_file(make_data):
    data = make_data(
        api_pin=PIN,
        api_ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        api_addresses=("10.9.0.5", "2001:db8::5"),
        heat_signal=HeatSignal("https://heat/v1/signal?Signature=ab%2F", token="t" * 32),
        engine=Engine(
            "overlay2", ("reg:5000", "10.0.0.0/8"), "http://u:p%40@proxy:3128", "http://proxy", "10.0.0.0/8,.example"
        ),
    )
    values = data.values()
    assert values["api_addresses"] == "10.9.0.5\n2001:db8::5"
    assert values["insecure_registries"] == "reg:5000\n10.0.0.0/8"
    assert values["heat_signal_url"] == "https://heat/v1/signal?Signature=ab%2F"
    assert values["http_proxy"] == "http://u:p%40@proxy:3128"
    assert {"api_pin", "api_ca", "heat_signal_token", "storage_driver", "https_proxy", "no_proxy"} < values.keys()


@given(password=st.text(min_size=1, max_size=256))
def test_a_password_of_any_characters_arrives_at_keystone(password):
    values = Trustee("http://keystone:5000/v3/", "abc123", password, trust_id="def456").values()
    assert values["keystone_auth_url"] == "http://keystone:5000/v3"
    assert "\n" not in values["keystone_request"]
    assert json.loads(values["keystone_request"]) == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": {"id": "abc123", "password": password}}},
            "scope": {"OS-TRUST:trust": {"id": "def456"}},
        }
    }


def test_a_trustee_without_a_trust_asks_for_an_unscoped_token():
    assert "scope" not in json.loads(Trustee("http://k/v3", "abc", "pw").values()["keystone_request"])["auth"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cluster_uuid", "not-a-uuid"),
        ("cluster_uuid", "5D12F6FD-A196-4BF0-AE4C-1F639A523A52"),
        ("node_name", "a_b"),
        ("node_name", "a" * 64),
        ("node_name", "a\nb"),
        ("node_name", "$(reboot)"),
        ("coe", "../etc"),
        ("address", "10.0.0"),
        ("address", "fe80::1%eth0"),
        ("address", "2001:db8:0::1"),
        ("api_url", "https://10.0.0.1:9511"),
        ("api_url", "ftp://10.0.0.1/v1"),
        ("api_url", 'https://a"b/v1'),
        ("api_url", "https:///v1"),
        ("api_url", "https://a\n/v1"),
        ("api_url", f"https://{'a' * 2100}/v1"),
        ("api_pin", "sha256//x"),
        ("api_ca", "no certificate"),
        ("api_addresses", ("10.0.0.1", "nonsense")),
        ("api_addresses", ("10.0.0.1",) * 65),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(make_data, field, value):
    with pytest.raises(ValueError, match=field):
        make_data(**{field: value})


@pytest.mark.parametrize(
    "build",
    [
        lambda: NodeToken("short"),
        lambda: NodeToken('a"b' * 10),
        lambda: HeatSignal("http://h", token="a b" * 10),
        lambda: Trustee("http://k/v3", "ID", "pw"),
        lambda: Trustee("http://k/v3", "id", ""),
        lambda: Trustee("http://k/v3", "id", "pw", trust_id="../x"),
        lambda: Engine(storage_driver="a b"),
        lambda: Engine(insecure_registries=("a\nb",)),
        lambda: Engine(http_proxy="proxy:3128"),
        lambda: Engine(https_proxy="http://p roxy"),
        lambda: Engine(no_proxy="a;b"),
    ],
)
def test_parts_are_checked_too(build):
    with pytest.raises(ValueError, match=r"must|form"):
        build()


@given(text=st.text(max_size=80))
def test_a_refusal_does_not_tell_the_secret(text):
    secret = f"secret {text}"
    with pytest.raises(ValueError, match="token") as refusal:
        NodeToken(secret)
    assert "secret" not in str(refusal.value)


def test_credentials_are_not_shown(make_data):
    signal = HeatSignal("https://heat/presigned-secret", token="secret" * 4)
    engine = Engine(http_proxy="http://user:secret@proxy")
    for credential in (NodeToken("secret" * 4), Trustee("http://k/v3", "id", "secret")):
        assert "secret" not in repr(make_data(credential=credential, heat_signal=signal, engine=engine))
