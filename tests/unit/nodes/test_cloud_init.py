import base64
import gzip

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum.nodes.cloud_init import MAX_BYTES, cloud_config, render
from magnum.nodes.files import NodeFile, node_files


def unpacked(text: str) -> list[NodeFile]:
    """Do what cloud-init does with `write_files`."""
    return [
        NodeFile(entry["path"], int(entry["permissions"], 8), _content(entry))
        for entry in yaml.safe_load(text)["write_files"]
    ]


def _content(entry: dict[str, str]) -> bytes:
    if "encoding" not in entry:
        return entry["content"].encode()
    assert entry["encoding"] == "gz+b64"
    return gzip.decompress(base64.b64decode(entry["content"]))


def test_it_is_a_cloud_config_that_holds_every_file_as_it_is(make_data):
    text = cloud_config(make_data())
    assert text.startswith("#cloud-config\n")
    assert unpacked(text) == list(node_files(make_data()))


@settings(deadline=None)
@given(
    contents=st.lists(
        st.binary(max_size=600) | st.text(st.characters(max_codepoint=127), max_size=600).map(str.encode), min_size=1
    )
)
def test_any_content_survives(contents):
    files = [NodeFile(f"/etc/file-{number}", 0o600, content) for number, content in enumerate(contents)]
    assert unpacked(render(files)) == files


def test_the_folder_is_closed_before_anything_is_written_and_the_program_is_started_last(make_data):
    document = yaml.safe_load(cloud_config(make_data()))
    assert document["bootcmd"] == [["install", "--directory", "--mode=0700", "/etc/magnum/node"]]
    assert document["runcmd"][-2:] == [
        ["systemctl", "enable", "magnum-node.service"],
        ["systemctl", "start", "--no-block", "magnum-node.service"],
    ]


def test_a_value_stays_readable(make_data):
    assert "content: 10.20.0.11\n" in cloud_config(make_data())


def test_it_leaves_most_of_what_a_server_takes_to_those_who_add_to_it(make_data):
    assert len(cloud_config(make_data())) < MAX_BYTES // 3


def test_the_same_data_gives_the_same_text(make_data):
    assert cloud_config(make_data()) == cloud_config(make_data())


def test_what_no_server_takes_is_refused():
    noise = bytes(range(256)) * 4
    files = [NodeFile(f"/etc/{number}", 0o600, noise + str(number).encode()) for number in range(500)]
    with pytest.raises(ValueError, match=f"a server takes {MAX_BYTES} at most"):
        render(files)
