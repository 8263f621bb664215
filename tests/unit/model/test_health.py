import json

import pytest

from magnum.model.health import Health, believe, bounded, is_reported_by_itself, judge_nodes, out_of_reach, silent

SECOND = 1_000_000


def test_a_cluster_is_as_well_as_its_worst_part():
    assert judge_nodes({"a": True}) == Health("HEALTHY", {"a.Ready": "True", "api": "ok"})
    assert judge_nodes({"a": True, "b": False}).troubles == {"b.Ready": "False"}
    assert judge_nodes({"a": True}, "etcd failed").status == "UNHEALTHY"
    assert silent("no answer").troubles == {"api": "no answer"}
    assert out_of_reach("web").status == "UNKNOWN"


@pytest.mark.parametrize("text", ["x", "ü\n", "🦀"])
def test_what_is_stored_of_a_huge_cluster_fits_and_has_the_troubles(text):
    nodes = {f"{text}{number:05}": number != 9_999 for number in range(10_000)}
    kept = bounded(judge_nodes(nodes, text * 100_000))
    assert len(json.dumps(kept)) < 65_535
    assert kept[f"{text}09999.Ready"] == "False"
    assert kept["api"].startswith(text)


def test_what_was_observed_is_believed_for_three_intervals():
    assert believe("HEALTHY", {"api": "ok"}, 0, now=30 * SECOND, interval=10) == ("HEALTHY", {"api": "ok"})
    status, reason = believe("HEALTHY", {"api": "ok"}, 0, now=30 * SECOND + 1, interval=10)
    assert (status, "since 1970-01-01T00:00:00+00:00" in reason["api"]) == ("UNKNOWN", True)
    assert believe("HEALTHY", {}, None, now=30 * SECOND, interval=1) == ("HEALTHY", {})
    assert believe(None, {}, 0, now=30 * SECOND, interval=1) == (None, {})


@pytest.mark.parametrize(
    ("labels", "itself"),
    [
        ({}, False),
        ({"auto_healing_controller": "magnum-auto-healer"}, False),
        ({"auto_healing_controller": "magnum-auto-healer", "auto_healing_enabled": "perhaps"}, False),
        ({"auto_healing_controller": "magnum-auto-healer", "auto_healing_enabled": "True"}, True),
        ({"auto_healing_controller": "draino", "auto_healing_enabled": "true"}, False),
    ],
)
def test_who_reports_the_health(labels, itself):
    assert is_reported_by_itself(labels) == itself
