"""/v1/mservices: the service's conductors, for its operators. There are no pages, and no single ones."""

import falcon
import msgspec

from magnum.core import mservices
from magnum.model.services import Service as Process

from .contract import Answer, promises
from .requests import Request
from .resources import Endpoint, Resource, answer
from .schemas.links import moment


class MServiceView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    host: str | None
    binary: str | None
    state: str
    disabled: bool
    disabled_reason: str | None
    report_count: int
    created_at: str | None
    updated_at: str | None


class MServiceList(msgspec.Struct, frozen=True):
    mservices: tuple[MServiceView, ...]


class MServices(Resource):
    @promises(
        "list_mservices", "List the conductors", rule="magnum-service:get_all", answers={200: Answer(MServiceList)}
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        self.policy.require("magnum-service:get_all", requester)
        req.query(())
        found = mservices.list_all(self.service)
        answer(resp, MServiceList(tuple(_view(process, is_up=is_up) for process, is_up in found)))


class MServiceItem(Endpoint):
    """Nothing is done to a single one: every method answers 405."""


def _view(process: Process, *, is_up: bool) -> MServiceView:
    return MServiceView(
        id=process.id,
        host=process.host,
        binary=process.binary,
        state="up" if is_up else "down",
        disabled=process.disabled,
        disabled_reason=process.disabled_reason,
        report_count=process.report_count,
        created_at=moment(process.created_at),
        updated_at=moment(process.updated_at),
    )
