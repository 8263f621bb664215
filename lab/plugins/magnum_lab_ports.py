"""Neutron's ports in the lab: each is bound and ACTIVE at once, for there are no agents that could do so."""

from typing import Any

from neutron_lib.api.definitions import portbindings
from neutron_lib.constants import PORT_STATUS_ACTIVE
from neutron_lib.plugins.ml2 import api


class Ports(api.MechanismDriver):
    def initialize(self) -> None:
        """There is nothing to prepare."""

    def bind_port(self, context: Any) -> None:
        segment = context.segments_to_bind[0][api.ID]
        context.set_binding(
            segment, portbindings.VIF_TYPE_OVS, {portbindings.CAP_PORT_FILTER: False}, status=PORT_STATUS_ACTIVE
        )
