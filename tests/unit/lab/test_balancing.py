import msgspec

from lab.guests.balancing import Balancer, Listener, Member, Monitor, Pool, configuration

BALANCER = Balancer(id="b", name="api", vip_address="10.0.10.9", provisioning_status="ACTIVE", updated_at=None)
LISTENER = Listener(id="l", protocol="TCP", protocol_port=6443, admin_state_up=True, default_pool_id="p")
MEMBER = Member(id="m1", address="10.0.10.5", protocol_port=6443, weight=1, admin_state_up=True)
MONITOR = Monitor(type="TCP", delay=5, timeout=4, max_retries=2, max_retries_down=3, admin_state_up=True)
POOL = Pool(id="p", protocol="TCP", lb_algorithm="ROUND_ROBIN", admin_state_up=True, members=(MEMBER,), monitor=MONITOR)


def changed(value, **values):
    return msgspec.structs.replace(value, **values)


def lines(*, balancer=BALANCER, listener=LISTENER, pool=POOL):
    return [line.strip() for line in configuration(balancer, [listener], [pool]).splitlines()]


def test_connections_go_to_members_that_answer():
    written = lines()
    assert "bind 10.0.10.9:6443" in written
    assert "default_backend l-p" in written
    assert "balance roundrobin" in written
    assert "server m1 10.0.10.5:6443 weight 1 check inter 5s rise 2 fall 3" in written


def test_the_same_is_written_the_same_whatever_its_order():
    other = changed(MEMBER, id="m2", address="10.0.10.6")
    assert lines(pool=changed(POOL, members=(MEMBER, other))) == lines(pool=changed(POOL, members=(other, MEMBER)))


def test_who_is_switched_off_gets_nothing():
    assert not [line for line in lines(balancer=changed(BALANCER, admin_state_up=False)) if "bind" in line]
    assert not [line for line in lines(listener=changed(LISTENER, admin_state_up=False)) if "bind" in line]
    assert not [line for line in lines(pool=changed(POOL, admin_state_up=False)) if "backend" in line]
    idle = changed(POOL, members=(changed(MEMBER, admin_state_up=False),))
    assert not [line for line in lines(pool=idle) if line.startswith("server")]


def test_a_listener_has_its_own_limits():
    written = lines(listener=changed(LISTENER, allowed_cidrs=("10.0.0.0/8", "192.0.2.1/32"), connection_limit=7))
    assert "maxconn 7" in written
    assert "tcp-request connection reject unless { src 10.0.0.0/8 192.0.2.1/32 }" in written


def test_pages_are_asked_for_where_the_monitor_says_so():
    monitor = changed(MONITOR, type="HTTP", url_path="/healthz", expected_codes="200-202,301")
    pool = changed(POOL, monitor=monitor, session_persistence={"type": "SOURCE_IP"})
    written = lines(listener=changed(LISTENER, protocol="HTTP"), pool=pool)
    assert "mode http" in written
    assert "option httpchk GET /healthz" in written
    assert "http-check expect rstatus ^(200|201|202|301)$" in written
    assert "balance source" in written


def test_what_the_lab_cannot_do_is_said():
    written = lines(listener=changed(LISTENER, protocol="TERMINATED_HTTPS"))
    assert not [line for line in written if line.startswith("frontend")]
    assert [line for line in written if "TERMINATED_HTTPS" in line]
