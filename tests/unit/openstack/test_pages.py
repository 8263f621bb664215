"""Lists in pages."""

import pytest

from magnum.openstack.errors import Unanswered
from magnum.openstack.load_balancers import list_load_balancers
from magnum.openstack.pages import list_all
from magnum.openstack.volumes import Volume, list_volumes


class Pages:
    """A service that shows so many items at a time."""

    name = "Simulated"

    def __init__(self, items, most):
        self.items, self.most, self.asked = items, most, []

    def get(self, path, *, params):
        self.asked.append((path, params))
        ids = [item["id"] for item in self.items]
        begin = ids.index(params["marker"]) + 1 if "marker" in params else 0
        page = self.items[begin : begin + self.most]
        links = [{"rel": "previous", "href": "x"}]
        if begin + self.most < len(self.items):
            links.append({"rel": "next", "href": "x"})
        return {"volumes": page, "volumes_links": links}


def volume(ident, project="p"):
    return {"id": ident, "size": 1, "status": "available", "os-vol-tenant-attr:tenant_id": project, "unknown": 1}


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_all_pages_are_read(count, calls):
    service = Pages([volume(str(number)) for number in range(count)], most=2)
    assert [found.id for found in list_volumes(service, "p")] == [str(number) for number in range(count)]
    assert len(service.asked) == calls


def test_what_is_another_projects_is_left_out():
    service = Pages([volume("1", "p"), volume("2", "q")], most=9)
    assert [found.id for found in list_volumes(service, "p")] == ["1"]


@pytest.mark.parametrize("answer", [None, [], {}, {"volumes": None}, {"volumes": [{}]}, {"volumes": [{"id": 1}]}])
def test_an_answer_that_makes_no_sense_is_none(answer):
    class Strange:
        name = "Strange"

        def get(self, *_path, **_query):
            return answer

    with pytest.raises(Unanswered, match="Strange lists its volumes"):
        list_all(Strange(), "/volumes/detail", "volumes", Volume)
    with pytest.raises(Unanswered, match="Strange lists its loadbalancers"):
        list_load_balancers(Strange(), "p")
