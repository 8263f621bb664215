"""[fake]: what the simulated provider does, for tests of scale and of faults. Labels of a cluster override it."""

from typing import Annotated

import msgspec

from .options import Option


class Fake(msgspec.Struct, frozen=True, kw_only=True):
    latencies: Annotated[
        dict[str, float], Option("Seconds that calls take, by their name, such as create_machine:0.5, boot:2.")
    ] = {}
    faults: Annotated[
        tuple[str, ...],
        Option("Faults to make, such as lost-answer:create_machine:1, quota:5; see docs/fake-driver.md."),
    ] = ()
