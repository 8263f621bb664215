"""How drivers are found and chosen."""

import importlib.metadata
import subprocess
import sys

import msgspec
import pytest

from magnum.cmd.conductor import NoListeners
from magnum.conf.default import Default
from magnum.conf.drivers import Drivers
from magnum.conf.settings import Settings
from magnum.drivers.base import ClusterType, DriverServices, Feature
from magnum.drivers.fake.driver import FakeDriver
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import ENTRY_POINTS, DriverNotFound, Registry
from magnum.model.clocks import SystemClock

VM = ClusterType("vm", "debian", "swarm-mode")


def spec(name, *kinds):
    return msgspec.structs.replace(SPEC, name=name, provides=frozenset(kinds or {VM}))


def chosen(registry, name=None):
    return registry.spec_for("vm", "debian", "swarm-mode", name).name


class TestChoice:
    def test_it_is_by_the_kind_of_cluster(self):
        registry = Registry([spec("a", ClusterType("bm", "debian", "swarm-mode")), spec("b")])
        assert chosen(registry) == "b"

    def test_it_does_not_depend_on_the_order_of_installation(self):
        assert chosen(Registry([spec("a"), spec("b")])) == chosen(Registry([spec("b"), spec("a")])) == "a"

    def test_the_default_driver_wins_where_it_fits(self):
        assert chosen(Registry([spec("a"), spec("b")], default_driver="b")) == "b"
        other = spec("z", ClusterType("bm", "debian", "swarm-mode"))
        assert chosen(Registry([spec("a"), other], default_driver="z")) == "a"

    def test_a_name_stands_above_all(self):
        assert chosen(Registry([spec("a"), spec("b")], default_driver="a"), "b") == "b"

    def test_what_there_is_not_is_told_with_what_there_is(self):
        registry = Registry([spec("a"), spec("b")])
        with pytest.raises(DriverNotFound, match=r"clusters of mesos on ubuntu \(vm\)\. Available drivers: a, b\."):
            registry.spec_for("vm", "ubuntu", "mesos")
        with pytest.raises(DriverNotFound, match=r"no driver 'c' here\. Available drivers: a, b\."):
            registry.spec("c")
        with pytest.raises(DriverNotFound, match=r"an unnamed system.*Available drivers: none"):
            Registry([]).spec_for("vm", None, "mesos")


class Entry:
    def __init__(self, name, load):
        self.name = name
        self.value = f"somewhere:{name}"
        self.load = load


@pytest.fixture
def install(monkeypatch):
    def install(*entries):
        monkeypatch.setattr(
            importlib.metadata, "entry_points", lambda *, group: entries if group == ENTRY_POINTS else ()
        )

    return install


def load(**options):
    return Registry.load(Settings(drivers=Drivers(**options)))


class TestLoading:
    def test_ours_are_installed(self):
        assert {"fake", "local_swarm"} <= {spec.name for spec in load().specs()}

    def test_a_disabled_one_is_not_even_loaded(self, install):
        def explode():
            raise AssertionError("it was loaded")

        install(Entry("a", explode), Entry("b", lambda: spec("b")))
        assert [spec.name for spec in load(disabled_drivers=("a",)).specs()] == ["b"]

    def test_a_broken_one_leaves_the_others_and_is_named_where_it_is_missed(self, install, caplog):
        def missing():
            raise ImportError("no module named heat")

        install(Entry("a", missing), Entry("b", lambda: spec("b")))
        registry = load()
        assert chosen(registry) == "b"
        with pytest.raises(DriverNotFound, match="It cannot be loaded: ImportError: no module named heat"):
            registry.spec("a")
        assert "The driver a (somewhere:a) cannot be loaded" in caplog.text

    def test_an_entry_and_its_driver_have_one_name(self, install):
        install(Entry("a", lambda: spec("b")))
        with pytest.raises(DriverNotFound, match="both must have the same name"):
            load().spec("a")

    def test_the_default_driver_is_read_from_the_configuration(self, install):
        install(Entry("a", lambda: spec("a")), Entry("b", lambda: spec("b")))
        assert chosen(load(default_driver="b")) == "b"

    def test_one_that_needs_its_owners_cloud_is_not_offered_where_nobody_has_one(self, install):
        """Else it would be the one for Debian on a host that has machines of its own."""
        in_cloud = msgspec.structs.replace(spec("a"), features=SPEC.features | {Feature.OWNERS_CLOUD})
        install(Entry("a", lambda: in_cloud), Entry("b", lambda: spec("b")))
        assert chosen(Registry.load(Settings())) == "a"
        alone = Registry.load(Settings(default=Default(auth_strategy="http_basic")))
        assert chosen(alone) == "b"
        with pytest.raises(DriverNotFound, match="auth_strategy is http_basic: only keystone knows one"):
            alone.spec("a")


def test_the_other_half_is_built_from_its_path(tmp_path):
    services = DriverServices(settings=Settings(), clock=SystemClock(), node_listeners=NoListeners())
    assert isinstance(Registry([SPEC]).build(SPEC, services), FakeDriver)


def test_loading_the_specs_loads_no_driver():
    program = (
        "import sys; from magnum.conf.settings import Settings; from magnum.drivers.registry import Registry;"
        "Registry.load(Settings()); print([name for name in sys.modules if name.startswith('magnum.drivers.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "magnum.drivers.fake.spec" in done.stdout
    assert ".driver'" not in done.stdout
