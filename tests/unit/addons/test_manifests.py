import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from magnum.addons.manifests import ManifestError, load, render

MANIFEST = """
- kind: ConfigMap
  metadata: {name: a}
  data:
    number: !value number
    text: !text "zone $zone { $zone }"
    json: !json {Network: !value zone, inner: {list: [1, !value number]}}
  image: !image main
"""
IMAGES = {"main": "r/main:1"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("addon") / "a.yaml"
    path.write_text(MANIFEST)
    return path


def test_values_keep_their_types(path):
    (rendered,) = render(path, {"number": 3, "zone": "a.b"}, IMAGES)
    assert rendered["data"]["number"] == 3
    assert rendered["data"]["text"] == "zone a.b { a.b }"
    assert json.loads(rendered["data"]["json"]) == {"Network": "a.b", "inner": {"list": [1, 3]}}
    assert rendered["image"] == "r/main:1"


@given(st.text())
def test_a_value_stays_one_value(path, text):
    (rendered,) = render(path, {"number": text, "zone": "plain"}, {"main": text})
    assert (rendered["data"]["number"], rendered["image"]) == (text, text)
    assert json.loads(rendered["data"]["json"])["inner"]["list"][1] == text
    assert rendered.keys() == {"kind", "metadata", "data", "image"}
    assert yaml.safe_load(yaml.safe_dump(rendered)) == rendered


@pytest.mark.parametrize("zone", ["a b", "a\nb", "a}", "", "a{", "$(reboot)", "a;b"])
def test_a_text_takes_plain_words_only(path, zone):
    with pytest.raises(ManifestError, match="zone is no plain word"):
        render(path, {"number": 1, "zone": zone}, IMAGES)


@pytest.mark.parametrize(
    ("values", "images"), [({"zone": "a"}, IMAGES), ({"number": 1}, IMAGES), ({"number": 1, "zone": "a"}, {})]
)
def test_what_there_is_not_is_a_defect(path, values, images):
    with pytest.raises(ManifestError, match="there is no"):
        render(path, values, images)


@pytest.mark.parametrize(
    ("text", "error"),
    [("kind: Pod", ManifestError), ("- !!python/name:os.system", yaml.YAMLError), ("- !env HOME", yaml.YAMLError)],
)
def test_what_is_no_manifest(tmp_path, text, error):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(error):
        load(path)
