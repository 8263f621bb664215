"""From the JSON of a request to a typed value."""

import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.api.schemas.reading import FALSE, TRUE, Access, attributes, printable, read_attribute, read_object
from magnum.core import fields
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.core.errors import InvalidRequest
from magnum.core.new_clusters import NewCluster
from magnum.model.clustertemplates import ClusterTemplate, Coe


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    coe: fields.AnyCoe
    name: fields.Text | None = None
    size: fields.Gigabytes = 7
    public: fields.Flag = False
    labels: fields.Labels = {}
    uuid: fields.Uuid | None = None
    servers: fields.Nameservers | None = None
    nodes: fields.NodeNames = ()
    pem: fields.Pem | None = None


ACCESS = Access(read_only=frozenset({"id"}), ignored=frozenset({"status"}))


def read(**given: Any) -> Thing:
    return read_object({"coe": "swarm"} | given, Thing, noun="a thing", access=ACCESS)


def refusal(**given: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        read(**given)
    return refused.value.text


def test_what_is_not_given_has_its_default():
    assert read() == read(name=None, size=None, public=None, labels=None, uuid=None) == Thing(coe=Coe.SWARM)


@given(st.sampled_from(sorted(TRUE)), st.booleans())
def test_words_for_true(word, upper):
    assert read(public=word.upper() if upper else word).public is True


@given(st.sampled_from(sorted(FALSE)), st.booleans())
def test_words_for_false(word, upper):
    assert read(public=word.upper() if upper else word).public is False


@given(st.integers(1, 2**31 - 1))
def test_numbers_may_come_as_text(number):
    assert read(size=number).size == read(size=str(number)).size == number


@given(
    st.uuids(),
    st.sampled_from([str, lambda value: value.hex, lambda value: str(value).upper(), lambda value: value.urn]),
)
def test_uuids_come_in_any_form(value, form):
    assert read(uuid=form(value)).uuid == value
    assert isinstance(read(uuid=form(value)).uuid, uuid.UUID)


def test_label_values_become_text():
    assert read(labels={"a": 1, "b": True, "c": 1.5, "d": "x", "e": ""}).labels == {
        "a": "1",
        "b": "True",
        "c": "1.5",
        "d": "x",
        "e": "",
    }


@pytest.mark.parametrize("servers", ["8.8.8.8", "8.8.8.8,9.9.9.9", "1.2.3.4, 255.0.0.1"])
def test_name_servers_are_kept_as_they_are_given(servers):
    assert read(servers=servers).servers == servers


@pytest.mark.parametrize(
    "servers", ["8.8.8", "256.1.1.1", "8.8.8.8,", "::1", "8.8.8.8;9.9.9.9", "01.2.3.4", "8.8.8.8\n"]
)
def test_what_is_no_name_server(servers):
    assert refusal(servers=servers).startswith("servers must")


def test_lines_are_for_texts_that_have_them():
    assert read(pem="a\nb\r\n").pem == "a\nb\r\n"
    assert read(labels={"a": "b\nc"}).labels == {"a": "b\nc"}
    assert refusal(name="a\nb") == "name must not contain the control character U+000A."
    assert refusal(labels={"a\n": "b"}) == "labels must not contain the control character U+000A."
    assert refusal(pem="a\x00") == "pem must not contain the control character U+0000."
    assert refusal(nodes=["a", "b\x7f"]) == "nodes must not contain the control character U+007F."


def test_refusals_name_the_attribute():
    assert refusal(coe=None) == "The mandatory attribute coe is missing."
    assert refusal(coe="Swarm").startswith("coe must be one of kubernetes, swarm, ")
    assert refusal(size=0) == "size must be a whole number of at least 1."
    assert refusal(public="maybe") == "public must be true or false."
    assert refusal(id=3) == "The attribute id of a thing is read-only and cannot be set."
    assert refusal(colour="red") == "Unknown attribute for a thing: 'colour'."
    assert refusal(**{"\x1b[2J" + "x" * 100: 1}) == "Unknown attribute for a thing: '?[2J" + "x" * 59 + "…'."


def test_what_clients_send_back_is_dropped():
    assert read(status="fine", name="x") == Thing(coe=Coe.SWARM, name="x")


@pytest.mark.parametrize("document", [None, [], "x", 3, True])
def test_a_body_is_an_object(document):
    with pytest.raises(InvalidRequest, match="The body must be a JSON object that describes a thing"):
        read_object(document, Thing, noun="a thing")


def test_a_reset_gives_the_default():
    assert read_attribute(attributes(Thing)["size"], msgspec.UNSET) == 7


def test_every_attribute_can_be_said_to_be_wrong():
    for shape in (NewCluster, NewClusterTemplate):
        for attribute in attributes(shape).values():
            assert attribute.description != "valid"
            assert "." not in attribute.description


def test_a_new_template_knows_every_column_that_may_be_chosen():
    chosen_by_us = {"id", "project_id", "user_id", "created_at", "updated_at"}
    assert set(NewClusterTemplate.__struct_fields__) == set(ClusterTemplate.__struct_fields__) - chosen_by_us


@given(st.text())
def test_what_is_quoted_is_short_and_harmless(text):
    quoted = printable(text)
    assert len(quoted) <= 64
    assert "\x1b" not in quoted
    assert "\n" not in quoted
