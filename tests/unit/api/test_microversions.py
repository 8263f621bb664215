"""Microversions."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.api.microversions import (
    MAXIMUM,
    MINIMUM,
    MalformedVersionError,
    Negotiated,
    NotInVersionError,
    UnsupportedVersionError,
    Version,
    negotiate,
    require,
)


def test_versions_compare_by_their_numbers():
    assert Version(1, 9) < Version(1, 10) < Version(2, 0)
    assert str(Version(1, 10)) == "1.10"


@pytest.mark.parametrize(
    ("header", "negotiated"),
    [
        (None, Negotiated(MINIMUM, "container-infra")),
        ("container-infra 1.7", Negotiated(Version(1, 7), "container-infra")),
        ("  Container-Infra   1.7 ", Negotiated(Version(1, 7), "container-infra")),
        ("container-infra Latest", Negotiated(MAXIMUM, "container-infra")),
        ("container-infrastructure 1.1", Negotiated(MINIMUM, "container-infrastructure")),
        ("anything latest", Negotiated(MAXIMUM, "container-infra")),
    ],
)
def test_a_header_is_read(header, negotiated):
    assert negotiate(header) == negotiated


@pytest.mark.parametrize("number", ["0.1", "1.0", "1.15", "1.99", "2.0", "999999999.999999999"])
def test_a_version_out_of_range_keeps_its_number(number):
    with pytest.raises(UnsupportedVersionError) as refused:
        negotiate(f"container-infra {number}")
    assert str(refused.value.asked.version) == number
    assert refused.value.asked.headers()["OpenStack-API-Version"] == f"container-infra {number}"


@pytest.mark.parametrize("header", ["", "1.1", "container-infra", "container-infra 1", "container-infra 1.01"])
def test_a_malformed_header(header):
    with pytest.raises(MalformedVersionError):
        negotiate(header)


@given(st.text())
def test_no_header_breaks_it(header):
    for text in (header, f"container-infra {header}"):
        with contextlib.suppress(MalformedVersionError, UnsupportedVersionError):
            assert MINIMUM <= negotiate(text).version <= MAXIMUM


@given(st.integers(1, 14), st.integers(1, 14))
def test_a_method_is_there_from_its_version_on(asked, since):
    if asked >= since:
        require(Version(1, asked), Version(1, since))
    else:
        with pytest.raises(NotInVersionError):
            require(Version(1, asked), Version(1, since))


NUMBERS = st.integers(0, 30)
WORDS = st.sampled_from(["container-infra", "container-infrastructure", "container-infrastructure-management"])


@given(word=WORDS, major=st.integers(0, 3), minor=NUMBERS)
def test_every_version_is_either_served_as_asked_or_refused_as_asked(word, major, minor):
    asked = Version(major, minor)
    if MINIMUM <= asked <= MAXIMUM:
        assert negotiate(f"{word} {asked}") == Negotiated(asked, word)
        return
    with pytest.raises(UnsupportedVersionError) as refused:
        negotiate(f"{word} {asked}")
    assert refused.value.asked.version == asked


@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_versions_are_ordered_like_pairs_of_numbers_and_written_like_none_other(one, other):
    assert (Version(*one) < Version(*other)) == (one < other)
    assert (str(Version(*one)) == str(Version(*other))) == (one == other)
