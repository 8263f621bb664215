import os

import pytest

from lab.guests.volumes import MOST_LOOPS, Attachment, Volume, disks_of, permit, withheld
from magnum.drivers.local.cgroups import WITHHELD_MEMORY, Group

VOLUME = Volume(id="v", size=1, status="in-use", attachments=(Attachment("one", "/dev/vdb"),))


@pytest.mark.parametrize(
    ("server", "volume", "found"),
    [
        ("one", VOLUME, {"vdb": VOLUME}),
        ("other", VOLUME, {}),
        ("one", Volume(id="v", size=1, status="detaching", attachments=VOLUME.attachments), {}),
        ("one", Volume(id="v", size=1, status="in-use", attachments=(Attachment("one", "/dev/vda"),)), {}),
    ],
)
def test_a_guest_has_what_is_attached_to_its_server_but_the_disk_that_it_boots_from(server, volume, found):
    assert disks_of(server, [volume]) == found


def test_no_disk_of_the_host_and_nobody_elses_is_open_to_a_guest():
    rules = withheld()
    assert "b 7:*" not in " ".join(rules)  # what is denied as a whole cannot be allowed in part
    assert {f"b 7:{minor} rw" for minor in range(MOST_LOOPS)} <= {*rules}
    assert {*WITHHELD_MEMORY} <= {*rules}


def test_a_disk_is_allowed_to_all_of_a_guest_but_containers_with_a_list_of_their_own(tmp_path):
    top = tmp_path / "devices/lab/guest"
    for place, listed in (("", "a *:* rwm\n"), ("system.slice", "a *:* rwm\n"), ("pod", "c 1:3 rwm\n")):
        (top / place).mkdir(parents=True)
        (top / place / "devices.list").write_text(listed)
    permit(Group(folders=(tmp_path / "memory/lab/guest", top)), os.makedev(7, 3), "allow")
    assert (top / "devices.allow").read_text() == "b 7:3 rw"
    assert (top / "system.slice/devices.allow").exists()
    assert not (top / "pod/devices.allow").exists()
