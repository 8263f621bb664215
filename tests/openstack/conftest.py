"""The lab that these tests ask: the one that MAGNUM_LAB names, or that of `make lab`. They leave nothing in it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from cloud import Cloud, Person

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]


def pytest_collection_modifyitems(items) -> None:
    """The library warns of what itself does."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"))


collect_ignore = [] if os.environ.get("MAGNUM_EVERY_COMBINATION") == "1" else ["test_faults_at_length.py"]


@pytest.fixture(scope="session")
def cloud() -> Cloud:
    folder = Path(os.environ.get("MAGNUM_LAB", CHECKOUT / "var/lab"))
    if not (folder / "clouds.yaml").exists():
        pytest.fail(f"There is no lab in {folder}: make lab, or make test-openstack, which makes its own.")
    return Cloud(folder, yaml.safe_load((folder / "clouds.yaml").read_text())["clouds"])


@pytest.fixture(scope="session")
def person(cloud) -> Iterator[Callable[[str], Person]]:
    """Give somebody of the lab, who logs in once."""
    people: dict[str, Person] = {}

    def find(name: str) -> Person:
        if name not in people:
            people[name] = cloud.person(name)
        return people[name]

    yield find
    for known in people.values():
        known.close()
