import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum.nodes.cloud_init import MAX_BYTES, cloud_config
from magnum.nodes.data import NodeToken
from magnum.nodes.files import NodeFile
from magnum.nodes.packing import Contents, pack

from .conftest import node_data
from .test_cloud_init import unpacked

URL = (
    "http://203.0.113.5:8000/v1/signal/arn%3Aopenstack%3Aheat%3A%3A5d12f6fda196%3Astacks/web-a1%2Fb2?Timestamp="
    "2026-11-20T20%3A00%3A00Z&SignatureMethod=HmacSHA256&AWSAccessKeyId=0f&SignatureVersion=2&Signature=a%2Bb%2F%3D"
)
SIGNAL = NodeFile("/etc/magnum/node/heat_signal_url", 0o600, URL.encode())
CLOSED = ("/etc/kubernetes",)

contents = st.binary(max_size=700) | st.text(st.characters(max_codepoint=127), max_size=700).map(str.encode)
files = st.builds(NodeFile, st.sampled_from([f"/etc/{n}" for n in range(6)]), st.sampled_from([0o600, 0o644]), contents)
groups = st.dictionaries(
    st.integers(0, 40), st.lists(files, max_size=6, unique_by=lambda file: file.path).map(tuple), min_size=1, max_size=5
)


def machine(number: int, files: tuple[NodeFile, ...] = ()) -> Contents:
    return Contents(node_data(node_name=f"web-{number}", credential=NodeToken(f"{number:040}")), files)


@settings(deadline=None)
@given(group=groups)
def test_the_parts_put_together_are_the_whole_document_and_the_signal(group):
    packed = pack({number: machine(number, files) for number, files in group.items()}, closed_folders=CLOSED)
    for number, files in group.items():
        text = packed.head + packed.own[number] + packed.signal.replace("$URL", URL) + packed.tail
        assert packed.of(number, URL) == text
        whole = cloud_config(machine(number).data, files, closed_folders=CLOSED)
        in_parts, at_once = yaml.safe_load(text), yaml.safe_load(whole)
        assert list(in_parts) == list(at_once)
        assert {name: in_parts[name] for name in ("bootcmd", "runcmd")} == {
            name: at_once[name] for name in ("bootcmd", "runcmd")
        }
        by_path = sorted(unpacked(text), key=lambda file: file.path)
        assert by_path == sorted([*unpacked(whole), SIGNAL], key=lambda file: file.path)


def test_what_all_have_is_carried_once_and_what_differs_is_little():
    packed = pack({number: machine(number) for number in range(100)})
    assert "steps/swarm-mode/10-check-image" in packed.head
    assert max(map(len, packed.own.values())) < 512
    for number, own in packed.own.items():
        assert f"web-{number}\n" in own
        assert f"{number:040}" not in packed.head


def test_secrets_are_not_shown():
    assert repr(pack({3: machine(3)})) == "UserData([3])"


def test_what_no_server_takes_is_refused_with_the_nodes_name():
    big = NodeFile("/etc/noise", 0o600, b"".join(number.to_bytes(3) for number in range(1 << 18)))
    with pytest.raises(ValueError, match=rf"^the user data of web-2 has \d+ bytes; a server takes {MAX_BYTES} "):
        pack({1: machine(1), 2: machine(2, (big,))})
