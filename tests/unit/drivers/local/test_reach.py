import struct

from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.local import reach

NAME = b"\x06mirror\x07example\x00"


def record(name, kind, data):
    return name + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def answer(*records):
    return b"\x12\x34" + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + NAME + b"\0\1\0\1" + b"".join(records)


def test_a_question_asks_for_one_address():
    asked = reach.question(b"\x12\x34", "mirror.example.")
    assert asked.startswith(b"\x12\x34\x01\x00\x00\x01")
    assert asked.endswith(NAME + b"\0\1\0\1")


def test_addresses_are_read_past_aliases_and_compressed_names():
    alias = record(b"\xc0\x0c", 5, b"\x03cdn\xc0\x13")
    found = reach.addresses(answer(alias, record(b"\xc0\x2c", 1, b"\xcb\x00\x71\x50"), record(NAME, 1, b"\xc0\0\2\7")))
    assert found == ["203.0.113.80", "192.0.2.7"]


def test_no_such_name_has_no_address():
    assert reach.addresses(answer()) == []


@given(addresses=st.lists(st.ip_addresses(v=4), max_size=20))
def test_every_address_is_found(addresses):
    records = [record(b"\xc0\x0c", 1, address.packed) for address in addresses]
    assert reach.addresses(answer(*records)) == [str(address) for address in addresses]
