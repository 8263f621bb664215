"""The reasons are those of a real Heat; ids and projects are made up."""

import pytest

from magnum.drivers.heat.failures import failed_nodes, failure, was_called_off
from magnum.model.failures import Code
from magnum.openstack.heat import Stack, StackResource

STACK = Stack("top", "web", "UPDATE_FAILED", "Resource UPDATE failed: something")


def resource(name, kind, status, reason="", *, within="top", nested=None):
    links = [{"rel": "stack", "href": f"http://heat/v1/p/stacks/name/{within}"}]
    if nested:
        links.append({"rel": "nested", "href": f"http://heat/v1/p/stacks/name/{nested}"})
    return StackResource(name, kind, status, reason, nested, None, tuple(links))


def of_a_node(kind, reason, *, group="kube_minions", entry="2", name="server"):
    """Give a cluster's resources, one of which failed, with all that are around it."""
    wrapped = f"Resource CREATE failed: {reason}"
    return [
        resource("network", "network.yaml", "CREATE_COMPLETE", nested="network"),
        resource(group, f"{group}.yaml", "UPDATE_FAILED", f"resources.{group}: {wrapped}", nested="group"),
        resource("1", "server.yaml", "CREATE_COMPLETE", within="group", nested="one"),
        resource(entry, "server.yaml", "CREATE_FAILED", wrapped, within="group", nested="node"),
        resource(name, kind, "CREATE_FAILED", reason, within="node"),
        resource("set_up", "OS::Heat::WaitCondition", "CREATE_FAILED", "CREATE aborted (user triggered)", within="one"),
    ]


@pytest.mark.parametrize(
    ("kind", "reason", "told", "code"),
    [
        (
            "OS::Nova::Server",
            (
                'ResourceInError: resources.server: Went to status ERROR due to "Message: No valid host was found. , '
                'Code: 500"'
            ),
            "worker 2: Nova: No valid host was found.",
            Code.CAPACITY,
        ),
        (
            "OS::Nova::Server",
            (
                "Forbidden: resources.server: Quota exceeded for cores: Requested 1, but already used 20 of 20 cores "
                "(HTTP 403) (Request-ID: req-6d1b2c1c-4f5e-4f2a-9a44-2d4b7a3f6a11)"
            ),
            "worker 2: Nova: Quota exceeded for cores: Requested 1, but already used 20 of 20 cores.",
            Code.CAPACITY,
        ),
        (
            "OS::Cinder::Volume",
            'ResourceInError: resources.boot_volume: Went to status error due to "Unknown"',
            "worker 2: Cinder: Unknown.",
            Code.PROVIDER_REFUSED,
        ),
        (
            "OS::Heat::WaitCondition",
            "WaitConditionFailure: resources.set_up: step containerd failed: apt found no package",
            "worker 2: its set-up failed: step containerd failed: apt found no package.",
            Code.NODE_STEP,
        ),
        (
            "OS::Heat::WaitCondition",
            "WaitConditionFailure: resources.set_up: apt aborted: the download timed out",
            "worker 2: its set-up failed: apt aborted: the download timed out.",
            Code.NODE_STEP,
        ),
        (
            "OS::Heat::WaitCondition",
            "WaitConditionTimeout: resources.set_up: 0 of 1 received",
            "worker 2: it did not say in time how its set-up went; its console may tell why.",
            Code.NODE_STEP,
        ),
    ],
)
def test_the_deepest_resource_is_told_with_its_node_and_service(kind, reason, told, code):
    found = failure(STACK, of_a_node(kind, reason))
    assert (found.text, found.code) == (told, code)


def test_a_port_is_told_with_the_node_whose_place_it_is():
    reason = (
        "OverQuotaClient: resources.port: Quota exceeded for resources: ['port'].\nNeutron server returns "
        "request_ids: ['req-1f3d4c1c-4f5e-4f2a-9a44-2d4b7a3f6a11']"
    )
    found = of_a_node("OS::Neutron::Port", reason, group="kube_masters", entry="0-place", name="port")
    assert failure(STACK, found).text == "master 0: Neutron: Quota exceeded for resources: ['port']."


def test_what_belongs_to_no_node_is_named():
    found = [
        resource("api_lb", "load_balancer.yaml", "CREATE_FAILED", "resources.api_lb: wrapped", nested="lb"),
        resource(
            "loadbalancer",
            "OS::Octavia::LoadBalancer",
            "CREATE_FAILED",
            'ResourceInError: resources.loadbalancer: Went to status ERROR due to "Unknown"',
            within="lb",
        ),
    ]
    assert failure(STACK, found).text == "Octavia: load balancer loadbalancer: Unknown."


def test_what_a_node_says_itself_comes_first_and_many_are_cut():
    group = [resource("kube_minions", "kube_minions.yaml", "CREATE_FAILED", "wrapped", nested="group")]
    for number in range(6):
        kind, reason = ("OS::Heat::WaitCondition", "WaitConditionFailure: resources.set_up: no disk")
        if number < 5:
            kind, reason = ("OS::Nova::Server", "Forbidden: resources.server: Quota exceeded for instances (HTTP 403)")
        group.append(
            resource(str(number), "server.yaml", "CREATE_FAILED", "wrapped", within="group", nested=f"node-{number}")
        )
        group.append(resource("inner", kind, "CREATE_FAILED", reason, within=f"node-{number}"))
    told = failure(STACK, group).text
    assert told.startswith("worker 5: its set-up failed: no disk. worker 0: Nova: Quota exceeded for instances.")
    assert told.endswith("(and 3 more)")


def test_where_no_resource_failed_the_stack_itself_says_why():
    timed_out = Stack("top", "web", "CREATE_FAILED", "Create timed out")
    assert failure(timed_out, []).text == "Heat: the stack web is CREATE_FAILED: Create timed out."


@pytest.mark.parametrize(
    ("reason", "stack", "called_off"),
    [
        ("CREATE aborted (user triggered cancel)", STACK, True),
        ("Stack UPDATE cancelled", STACK, True),
        ("resources.4-place: The Stack (web-4-place) could not be found.", STACK, True),
        ("CREATE aborted (user triggered cancel)", Stack("top", "web", "CREATE_FAILED", "Create timed out"), False),
        ("Forbidden: resources.server: no", STACK, False),
    ],
)
def test_what_only_was_called_off_did_not_fail(reason, stack, called_off):
    found = of_a_node("OS::Nova::Server", reason)
    assert was_called_off(stack, found) is called_off
    assert not was_called_off(stack, [])


def test_a_stack_that_ran_out_of_time_says_so():
    timed_out = Stack("top", "web", "CREATE_FAILED", "Create timed out")
    found = of_a_node("OS::Nova::Server", "CREATE aborted (user triggered cancel)")
    assert failure(timed_out, found).text == "Heat: the stack web is CREATE_FAILED: Create timed out."


def test_what_a_node_says_is_bounded_and_printable():
    reason = "WaitConditionFailure: resources.set_up: \x1b[31m" + "x" * 5000
    told = failure(STACK, of_a_node("OS::Heat::WaitCondition", reason)).text
    assert told.isprintable()
    assert len(told) < 500


def test_nodes_whose_server_is_not_complete_are_known():
    found = of_a_node("OS::Nova::Server", "Forbidden: no")
    assert failed_nodes(found) == (frozenset(), frozenset({2}))
    assert failed_nodes([]) == (frozenset(), frozenset())
