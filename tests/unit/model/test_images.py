import pytest

from magnum.model.images import Image, reference


@pytest.mark.parametrize(
    ("repository", "prefix", "name"),
    [
        ("docker.io/coredns/coredns", "", "docker.io/coredns/coredns:1.7.0"),
        ("docker.io/coredns/coredns", "registry:5000/mirror/", "registry:5000/mirror/coredns:1.7.0"),
        ("pause", "registry/", "registry/pause:1.7.0"),
    ],
)
def test_the_name_by_which_an_image_is_pulled(repository, prefix, name):
    assert reference(Image(repository, "1.7.0"), prefix) == name
