import urllib.parse

import pytest

from magnum.coe.swarm import SwarmClient, SwarmError, SwarmRefused, SwarmUnreachable, SwarmUntrusted
from magnum.coe.swarm_values import JoinTokens, SwarmNode


def info(state: str = "inactive", **swarm: object) -> dict[str, object]:
    """What an engine says of itself, shortened."""
    known = {"NodeID": "", "NodeAddr": "", "LocalNodeState": state, "ControlAvailable": False, "Error": ""}
    return {"Name": "web-0", "ServerVersion": "20.10.24", "NCPU": 2, "Swarm": {**known, **swarm}}


MANAGER = info("active", NodeID="n1", NodeAddr="10.20.0.10", ControlAvailable=True, Cluster={"ID": "c"})
WORKER = info(
    "active", NodeID="n2", NodeAddr="10.20.0.11", RemoteManagers=[{"NodeID": "n1", "Addr": "10.20.0.10:2377"}]
)


def node(
    identity: str = "n2", *, role: str = "worker", availability: str = "active", index: int = 7
) -> dict[str, object]:
    return {
        "ID": identity,
        "Version": {"Index": index},
        "Spec": {"Role": role, "Availability": availability, "Labels": {"kept": "yes"}},
        "Description": {"Hostname": "web-1", "Platform": {"OS": "linux"}},
        "Status": {"State": "ready", "Addr": "10.20.0.11"},
    }


class TestReading:
    def test_an_engine_in_no_swarm(self, engine, client):
        engine.answer("GET /info", 200, info())
        told = client.info()
        assert (told.name, told.version, told.state, told.active, told.is_manager) == (
            "web-0",
            "20.10.24",
            "inactive",
            False,
            False,
        )

    def test_a_manager(self, engine, client):
        engine.answer("GET /info", 200, MANAGER)
        told = client.info()
        assert (told.active, told.is_manager, told.node_id, told.address) == (True, True, "n1", "10.20.0.10")

    def test_version_and_ping(self, engine, client):
        engine.answer("GET /version", 200, {"Version": "20.10.24", "ApiVersion": "1.41"})
        engine.answer("GET /_ping", 200, b"OK")
        assert client.version() == "20.10.24"
        client.ping()

    def test_tokens_are_not_shown(self, engine, client):
        engine.answer("GET /swarm", 200, {"ID": "c", "JoinTokens": {"Worker": "SWMTKN-1-w", "Manager": "SWMTKN-1-m"}})
        tokens = client.join_tokens()
        assert tokens == JoinTokens(worker="SWMTKN-1-w", manager="SWMTKN-1-m")
        assert "SWMTKN" not in repr(tokens)

    def test_members(self, engine, client):
        leader = node("n1", role="manager") | {
            "Status": {"State": "ready", "Addr": "0.0.0.0"},
            "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": "10.20.0.10:2377"},
        }
        engine.answer("GET /nodes", 200, [leader, node()])
        first, second = client.nodes()
        assert (first.address, first.leader, first.role) == ("10.20.0.10", True, "manager")
        assert first.reachability == "reachable"
        assert second == SwarmNode(
            id="n2",
            hostname="web-1",
            role="worker",
            availability="active",
            state="ready",
            address="10.20.0.11",
            leader=False,
            reachability="",
        )

    def test_tasks_of_a_node_that_have_not_ended(self, engine, client):
        states = ("running", "complete", "shutdown", "failed", "rejected", "remove", "orphaned", "preparing")
        tasks = [
            {"ID": f"t{i}", "NodeID": "n2", "ServiceID": "s", "Status": {"State": s}} for i, s in enumerate(states)
        ]
        engine.answer("GET /tasks", 200, tasks)
        assert [task.state for task in client.running_tasks("n2")] == ["running", "preparing"]
        ((question, _),) = engine.asked
        assert urllib.parse.parse_qs(question.partition("?")[2]) == {"filters": ['{"node":["n2"]}']}

    def test_busy_nodes_leave_out_what_is_placed_nowhere(self, engine, client):
        tasks = [
            {"ID": "t1", "NodeID": "n1", "Status": {"State": "running"}},
            {"ID": "t2", "NodeID": "n2", "Status": {"State": "shutdown"}},
            {"ID": "t3", "Status": {"State": "pending"}},
        ]
        engine.answer("GET /tasks", 200, tasks)
        assert client.busy_nodes() == {"n1"}


class TestFormingASwarm:
    def test_init(self, engine, client):
        engine.answer("GET /info", 200, info())
        engine.answer("POST /swarm/init", 200, "n1")
        assert client.init("10.20.0.10") == "n1"
        wanted = {"ListenAddr": "10.20.0.10:2377", "AdvertiseAddr": "10.20.0.10"}
        assert engine.changes == [("POST /swarm/init", wanted)]

    def test_init_again_changes_nothing(self, engine, client):
        engine.answer("GET /info", 200, MANAGER)
        assert client.init("10.20.0.10") == "n1"
        assert engine.changes == []

    def test_init_of_a_worker_is_the_engines_to_refuse(self, engine, client):
        engine.answer("GET /info", 200, WORKER)
        engine.answer("POST /swarm/init", 503, {"message": "This node is already part of a swarm."})
        with pytest.raises(SwarmRefused, match="already part of a swarm"):
            client.init("10.20.0.11")

    def test_join(self, engine, client):
        engine.answer("GET /info", 200, info())
        engine.answer("POST /swarm/join", 200)
        client.join("2001:db8::10", "SWMTKN-1-w", "2001:db8::11")
        assert engine.changes == [
            (
                "POST /swarm/join",
                {
                    "ListenAddr": "[2001:db8::11]:2377",
                    "AdvertiseAddr": "2001:db8::11",
                    "RemoteAddrs": ["[2001:db8::10]:2377"],
                    "JoinToken": "SWMTKN-1-w",
                },
            )
        ]

    @pytest.mark.parametrize("state", ["active", "pending"])
    def test_join_of_a_member_changes_nothing(self, engine, client, state):
        engine.answer("GET /info", 200, info(state))
        client.join("10.20.0.10", "SWMTKN-1-w", "10.20.0.11")
        assert engine.changes == []

    def test_leave(self, engine, client):
        engine.answer("GET /info", 200, WORKER)
        engine.answer("POST /swarm/leave", 200)
        client.leave(force=True)
        assert engine.changes == [("POST /swarm/leave?force=true", None)]

    def test_leave_again_changes_nothing(self, engine, client):
        engine.answer("GET /info", 200, info())
        client.leave(force=True)
        assert engine.changes == []


class TestNodes:
    @pytest.mark.parametrize(
        ("change", "field", "value"),
        [
            ("promote", "Role", "manager"),
            ("demote", "Role", "worker"),
            ("drain", "Availability", "drain"),
            ("activate", "Availability", "active"),
        ],
    )
    def test_one_field_changes_and_the_rest_stays(self, engine, client, change, field, value):
        other = {"manager": "worker", "worker": "manager", "drain": "active", "active": "drain"}[value]
        spec = {"Role": "worker", "Availability": "active", "Labels": {"kept": "yes"}, field: other}
        engine.answer("GET /nodes/n2", 200, node() | {"Spec": spec})
        engine.answer("POST /nodes/n2/update", 200)
        getattr(client, change)("n2")
        assert engine.changes == [("POST /nodes/n2/update?version=7", spec | {field: value})]

    def test_what_is_so_already_is_not_changed(self, engine, client):
        engine.answer("GET /nodes/n2", 200, node(availability="drain"))
        client.drain("n2")
        assert engine.changes == []

    def test_a_node_that_changed_meanwhile_is_read_again(self, engine, client):
        engine.answer_each("GET /nodes/n2", (200, node(index=7)), (200, node(index=8)))
        engine.answer_each("POST /nodes/n2/update", (500, {"message": "update out of sequence"}), (200, None))
        client.drain("n2")
        assert [question for question, _ in engine.changes] == [
            "POST /nodes/n2/update?version=7",
            "POST /nodes/n2/update?version=8",
        ]

    def test_a_node_that_always_changes_is_given_up(self, engine, client):
        engine.answer("GET /nodes/n2", 200, node())
        engine.answer("POST /nodes/n2/update", 500, {"message": "rpc error: update out of sequence"})
        with pytest.raises(SwarmRefused, match="out of sequence"):
            client.drain("n2")
        assert len(engine.changes) == 3

    def test_another_refusal_is_not_tried_again(self, engine, client):
        engine.answer("GET /nodes/n2", 200, node(role="manager"))
        engine.answer("POST /nodes/n2/update", 400, {"message": "attempting to demote the last manager"})
        with pytest.raises(SwarmRefused, match="last manager") as refusal:
            client.demote("n2")
        assert refusal.value.status == 400
        assert len(engine.changes) == 1

    def test_remove(self, engine, client):
        engine.answer("DELETE /nodes/n2", 200)
        client.remove("n2")
        client.remove("n2", force=True)
        assert [question for question, _ in engine.changes] == [
            "DELETE /nodes/n2?force=false",
            "DELETE /nodes/n2?force=true",
        ]

    def test_remove_again_is_fine(self, engine, client):
        engine.answer("DELETE /nodes/n2", 404, {"message": "node n2 not found"})
        client.remove("n2", force=True)

    def test_remove_of_one_that_is_up_is_refused(self, engine, client):
        engine.answer("DELETE /nodes/n2", 400, {"message": "node n2 is not down and can't be removed"})
        with pytest.raises(SwarmRefused, match="is not down"):
            client.remove("n2")

    def test_an_id_stays_one_part_of_the_path(self, engine, client):
        engine.answer("DELETE /nodes/..%2Fswarm", 200)
        client.remove("../swarm")
        assert engine.asked


class TestErrors:
    def test_each_kind_is_a_swarm_error_that_names_the_engine(self, engine, client):
        engine.answer("GET /version", 500, b"\x1b[31mnot json" + b"x" * 5000)
        with pytest.raises(SwarmRefused) as refusal:
            client.version()
        text = str(refusal.value)
        assert text.startswith(f"{engine.address}:  [31mnot jsonx")
        assert len(text) < 600
        assert isinstance(refusal.value, SwarmError)

    def test_an_answer_of_another_form(self, engine, client):
        engine.answer("GET /version", 200, {"Hello": "world"})
        with pytest.raises(SwarmError, match="its answer to /version is not understood"):
            client.version()

    def test_down(self, tls):
        with pytest.raises(SwarmUnreachable, match=r"127\.0\.0\.1:1 did not answer"):
            SwarmClient("127.0.0.1:1", tls, timeout=5).ping()

    def test_of_another_cluster(self, engine, make_cluster):
        with pytest.raises(SwarmUntrusted):
            SwarmClient(engine.address, make_cluster("other").client(), timeout=5).ping()

    def test_no_address(self, tls):
        with pytest.raises(ValueError, match="no address of an engine"):
            SwarmClient("", tls)

    def test_the_default_port(self, tls):
        assert SwarmClient("10.20.0.10", tls)._address == ("10.20.0.10", 2376)
        assert SwarmClient("[2001:db8::1]:99", tls)._address == ("2001:db8::1", 99)
