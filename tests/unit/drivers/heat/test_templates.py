import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.heat import templates
from magnum.drivers.heat.mappings import Kind, Parameter
from magnum.drivers.heat.parameters import CLUSTER, NODEGROUP

LARGEST_TEMPLATE = 524288
"""Heat's own default of max_template_size."""
NUMBERS = st.sets(st.integers(0, 999), max_size=20)


def group(places, servers):
    return yaml.safe_load(templates.group(places, servers))


@given(places=NUMBERS, data=st.data())
def test_every_node_has_a_place_and_those_that_run_a_server(places, data):
    servers = data.draw(st.sets(st.sampled_from(sorted(places)))) if places else set()
    made = group(places, servers)
    assert made["resources"].keys() == {f"{number}-place" for number in places} | {str(n) for n in servers}
    for number in servers:
        properties = made["resources"][str(number)]["properties"]
        assert properties["machine"] == {"get_param": ["servers", str(number)]}
        assert properties["place"] == {"get_attr": [f"{number}-place", "place"]}
    assert made["outputs"]["refs_map"]["value"] == {str(n): {"get_resource": str(n)} for n in servers}
    assert made["outputs"]["places"]["value"].keys() == {str(n) for n in places}


@pytest.mark.parametrize("numbers", [{3}, {0, 7}])
def test_an_entry_gives_all_that_its_file_declares(numbers):
    made = group(numbers, numbers)["resources"]
    for number in numbers:
        for entry, file in ((f"{number}-place", templates.PLACE), (str(number), templates.SERVER)):
            declared = yaml.safe_load(templates.text(file))["parameters"]
            assert made[entry]["properties"].keys() == declared.keys()


def test_a_group_is_given_what_it_declares():
    declared = group({0}, {0})["parameters"].keys()
    for name in (templates.CLUSTER, templates.NODEGROUP):
        for entry in yaml.safe_load(templates.text(name))["resources"].values():
            if entry["type"] in (templates.MASTERS, templates.WORKERS):
                given = entry["properties"].keys()
                assert given <= declared
                optional = {"master_lb_enabled", "pool", "kubernetes_port", "etcd_volume_size", "etcd_volume_type"}
                assert declared - given <= optional


def test_five_hundred_nodes_fit_into_a_template():
    assert len(templates.group(range(500), range(500))) < LARGEST_TEMPLATE / 2


def test_a_server_needs_a_place():
    with pytest.raises(ValueError, match="no place"):
        templates.group({1}, {1, 2})


@pytest.mark.parametrize(("name", "mappings"), [(templates.CLUSTER, CLUSTER), (templates.NODEGROUP, NODEGROUP)])
def test_every_mapping_has_a_parameter_of_its_kind_and_the_other_way_round(name, mappings):
    declared = yaml.safe_load(templates.text(name))["parameters"]
    assert {mapping.name: mapping.kind for mapping in mappings} == {
        parameter: Kind(declaration["type"])
        for parameter, declaration in declared.items()
        if not parameter.startswith(("cluster_uuid", "operation", "content", "worker_", "master_"))
        or parameter.startswith(("master_lb", "master_docker"))
    }


def test_a_driver_adds_parameters_of_its_own():
    own = Parameter("kube_tag", Kind.STRING, lambda tag: tag, description="The version of Kubernetes.")
    top = templates.top(templates.CLUSTER, {own.name: own.declaration()})
    assert top["parameters"]["kube_tag"] == {
        "type": "string",
        "description": "The version of Kubernetes.",
        "hidden": False,
        "default": "",
    }
    assert top["heat_template_version"] == "2021-04-16"
    with pytest.raises(ValueError, match="operation"):
        templates.top(templates.CLUSTER, {"operation": own.declaration()})


@pytest.mark.parametrize("name", [templates.CLUSTER, templates.NODEGROUP])
def test_every_file_that_a_template_names_comes_with_it(name):
    files = templates.files(name)
    named = {
        entry["type"]
        for text in (templates.text(name), *files.values())
        for entry in yaml.safe_load(text)["resources"].values()
    }
    made = {templates.MASTERS, templates.WORKERS, templates.PLACE, templates.SERVER}
    assert {kind for kind in named if kind.endswith(".yaml")} - made == files.keys() - made
