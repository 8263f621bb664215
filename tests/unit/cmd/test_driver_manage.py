"""Which drivers there are, as an operator asks."""

import json
from pathlib import Path

import pytest

from magnum.cmd.driver_manage import main
from magnum.db import clustertemplates, migrate
from magnum.db.engine import open_database
from magnum.drivers.base import Bill, DriverSpec
from magnum.drivers.fake.spec import SPEC as FAKE
from magnum.drivers.fake.spec import FakeSpec
from magnum.drivers.local_swarm.spec import SPEC as SWARM
from magnum.drivers.registry import Registry
from magnum.model.clocks import SystemClock
from magnum.model.clustertemplates import ClusterTemplate


def rows(capsys, *arguments: str) -> list[dict[str, str]]:
    assert main(["list-drivers", "-f", "json", *arguments]) == 0
    listed: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return listed


def test_names_alone(capsys):
    servers = ("k8s_debian_v1", "k8s_fedora_coreos_v1")
    assert rows(capsys) == [{"Name": name} for name in ("fake", *servers, "local_kubernetes", "local_swarm")]


def test_details_have_a_row_for_each_kind_of_cluster(capsys):
    kinds = rows(capsys, "--details")
    assert {"Name": "local_swarm", "Server_Type": "vm", "OS": "debian", "COE": "swarm-mode"} in kinds
    assert len([kind for kind in kinds if kind["Name"] == "fake"]) > 1


def test_paths_are_folders(capsys):
    for row in rows(capsys, "--paths"):
        assert (Path(row["Template Path"]) / "spec.py").exists()


def test_columns_and_order_can_be_chosen(capsys):
    assert main(["list-drivers", "-d", "-f", "value", "-c", "COE", "--sort-column", "COE"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed == sorted(listed)
    assert len(listed) > 2


def test_the_page_on_labels_is_current(capsys):
    assert main(["labels"]) == 0
    page = Path(__file__).parents[3] / "docs" / "labels.md"
    assert page.read_text() == capsys.readouterr().out, "make it anew: magnum-driver-manage labels > docs/labels.md"


class Mirrored(FakeSpec, frozen=True):
    """A spec whose clusters get something from elsewhere."""

    def bill(self, template: ClusterTemplate) -> Bill:
        if "kube_tag" not in template.labels:
            raise ValueError("The label kube_tag is missing.")
        return Bill((f"r/{template.labels['kube_tag']}",), ("https://example.com/kubelet",))


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Ask for the images of a template of these labels, made by this spec."""

    def ask(ident: str, spec: DriverSpec, **labels: str) -> int:
        url = f"sqlite:///{tmp_path}/magnum.sqlite"
        migrate.upgrade(url)
        template = ClusterTemplate(
            uuid="4a6d4c5e-6a0e-4f2c-9d0b-1f2a3b4c5d6e",
            name="small",
            project_id="p",
            user_id="u",
            coe="kubernetes",
            image_id="fake",
            cluster_distro="fake",
            labels=labels,
        )
        database = open_database(url, clock=SystemClock())
        database.write(lambda tx: clustertemplates.insert(tx, template))
        (tmp_path / "magnum.conf").write_text(f"[database]\nconnection = {url}\n")
        monkeypatch.setattr(Registry, "load", lambda _: Registry([spec]))
        return main(["images", "--template", ident, "--config-file", str(tmp_path / "magnum.conf"), "-f", "value"])

    return ask


def test_the_images_and_files_of_a_template(images, capsys):
    assert images("small", Mirrored(), kube_tag="v1.20.2") == 0
    assert capsys.readouterr().out == "image r/v1.20.2\nfile https://example.com/kubelet\n"


def test_a_driver_that_gets_nothing_from_elsewhere(images, capsys):
    assert images("small", FAKE) == 0
    assert capsys.readouterr().out == "\n"


@pytest.mark.parametrize(
    ("ident", "spec", "says"),
    [
        ("large", FAKE, "large"),
        ("small", Mirrored(), "The label kube_tag is missing."),
        ("small", SWARM, "There is no driver for clusters of kubernetes"),
    ],
)
def test_a_template_that_has_no_list(images, capsys, ident, spec, says):
    assert images(ident, spec) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["list-drivers", "-c", "Nonsense"], ["list-drivers", "-f", "xml"]])
def test_wrong_arguments_end_with_2(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
