"""The user data of servers that are about to be made, with the tokens that they prove themselves by."""

from collections.abc import Mapping, Sequence

from magnum.drivers.base import DriverContext
from magnum.drivers.heat.desired import UserData
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.model.failures import Code, Fatal
from magnum.model.nodes import Node
from magnum.nodes.kubernetes.files import CLOSED_FOLDERS
from magnum.nodes.packing import Contents, pack

from .surroundings import Surroundings
from .system import System


class UserDataMaker:
    def __init__(self, nodes: Nodes, surroundings: Surroundings, system: System) -> None:
        self._nodes = nodes
        self._surroundings = surroundings
        self._system = system

    def make(self, context: DriverContext, coming: Mapping[str, Sequence[Node]]) -> Mapping[str, UserData]:
        """Give that of each group, by its role; nodes that are not coming get none."""
        return {role: self._of_group(context, nodes) for role, nodes in coming.items() if nodes}

    def _of_group(self, context: DriverContext, nodes: Sequence[Node]) -> UserData:
        contents = {node.number: self._contents(context, node) for node in nodes}
        try:
            parts = pack(contents, closed_folders=CLOSED_FOLDERS, form=self._system.form(context.cluster.labels))
        except ValueError as error:
            text = f"{error}. Make labels and proxies of the cluster shorter."
            raise Fatal(Code.PROVIDER_REFUSED, text) from error
        return UserData(head=parts.head, own=parts.own, signal=parts.signal, tail=parts.tail)

    def _contents(self, context: DriverContext, node: Node) -> Contents:
        token = context.new_node_token(node, self._nodes.limits(context, node))
        data, files = self._nodes.contents(context, node, self._surroundings.access(), token)
        return Contents(self._surroundings.finish(data), tuple(files))
