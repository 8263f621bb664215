import msgspec
import pytest
from simulation import Registry

from magnum.conductor.drivers import Drivers
from magnum.conductor.rows import read_rows
from magnum.drivers.fake.spec import SPEC
from magnum.model.failures import Code, Retry


class TwoDrivers(Registry):
    def __init__(self):
        super().__init__([SPEC, msgspec.structs.replace(SPEC, name="broken", provides=frozenset())])
        self.built = []

    def build(self, spec, _services):
        if spec.name == "broken":
            raise OSError("no such bridge")
        self.built.append(self)
        return self

    def resume(self):
        self.built.append("resumed")


def test_each_is_built_once_and_one_that_cannot_resume_stops_none_of_the_others(world, caplog):
    registry = TwoDrivers()
    drivers = Drivers(registry, world.services().driver_services)
    drivers.resume()
    rows = rows_of(world, world.create())
    assert drivers.of(rows) is drivers.of(rows)
    assert registry.built == [registry, "resumed"]
    assert "The driver broken could not resume" in caplog.text
    assert "no such bridge" in caplog.text


def test_a_template_that_is_gone_takes_the_drivers_name_with_it(world):
    rows = msgspec.structs.replace(rows_of(world, world.create()), template=None)
    with pytest.raises(Retry, match="is gone, and with it the name of the driver") as failure:
        Drivers(world.registry, world.services().driver_services).of(rows)
    assert failure.value.code is Code.DRIVER_MISSING


def rows_of(world, cluster):
    operation = world.operations(cluster)[0]
    return world.database.read(lambda tx: read_rows(tx, operation.uuid))
