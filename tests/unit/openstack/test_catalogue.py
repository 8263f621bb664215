import pytest

from magnum.openstack.catalogue import CatalogueError, load_catalogue
from magnum.openstack.errors import NotThere


def test_the_shipped_catalogue_answers_to_names_and_ids():
    catalogue = load_catalogue()
    debian = catalogue.image("debian-12")
    assert debian.os_distro == "debian"
    assert catalogue.image(debian.id) == debian
    assert catalogue.image("fake").os_distro == "fake"
    small = catalogue.flavor("m1.small")
    assert catalogue.flavor(small.id) == small
    assert small.memory_mib < catalogue.flavor("m1.medium").memory_mib < catalogue.flavor("m1.large").memory_mib


def test_what_is_not_there_is_refused_with_what_is():
    with pytest.raises(NotThere, match=r"no flavor 'huge'; there are: .*m1\.small"):
        load_catalogue().flavor("huge")
    with pytest.raises(NotThere, match="no image ''"):
        load_catalogue().image("")


def test_an_operator_offers_others(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[[images]]\nid = "i"\nname = "bare"\n')
    catalogue = load_catalogue(file)
    assert catalogue.image("bare").os_distro is None
    with pytest.raises(NotThere, match="there are: none"):
        catalogue.flavor("m1.small")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("images = 3", "images"),
        ("[[images", "well-formed"),
        ('[[images]]\nid = "i"\nname = "a"\ncolour = "red"\n', "colour"),
        ('[[flavors]]\nid = "1"\nname = "a"\nmemory_mib = 0\nvcpus = 1\ndisk_gib = 1\n', "memory_mib"),
        ('[[images]]\nid = "i"\nname = "a"\n[[images]]\nid = "a"\nname = "b"\n', "more than one image by: a"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path, text, complaint):
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(CatalogueError, match=complaint):
        load_catalogue(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CatalogueError, match=r"nowhere\.toml"):
        load_catalogue(tmp_path / "nowhere.toml")
