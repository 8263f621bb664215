"""How many passwords are verified at a time, and how many are remembered."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest

from magnum.api.middleware import basic
from magnum.api.middleware.basic import BasicAuthentication, Remembered
from magnum.core.errors import TooManyRequests, Unauthenticated

GENERATION = (1, 2, 3, 4)


class StoppedClock:
    seconds = 0.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


def environ(name: str, password: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def strategy(tmp_path) -> BasicAuthentication:
    file = tmp_path / "htpasswd"
    hashed = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
    file.write_text(f"ann:{hashed}:fishers:member\n")
    return BasicAuthentication(file, clock=StoppedClock())


def test_one_verification_at_a_time_and_eight_wait(strategy, monkeypatch):
    entered, leave = threading.Semaphore(0), threading.Event()
    running, most = [], []

    def slow(_password: bytes, _hashed: bytes) -> bool:
        running.append(1)
        most.append(len(running))
        entered.release()
        assert leave.wait(10)
        running.pop()
        return False

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    with ThreadPoolExecutor(1 + basic.WAITING) as pool:
        asked = [pool.submit(strategy.authenticate, environ("ann", f"wrong {n}")) for n in range(1 + basic.WAITING)]
        assert entered.acquire(timeout=10)
        while strategy._places._value:
            leave.wait(0.001)
        with pytest.raises(TooManyRequests):
            strategy.authenticate(environ("ann", "one too many"))
        leave.set()
        assert {type(future.exception()) for future in asked} == {Unauthenticated}
    assert max(most) == 1


def test_those_who_wait_with_the_password_that_fitted_are_let_in_by_it(strategy, monkeypatch):
    asked, leave, check = [], threading.Event(), bcrypt.checkpw

    def slow(password: bytes, hashed: bytes) -> bool:
        asked.append(password)
        assert leave.wait(10)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(strategy.authenticate, environ("ann", "sesame")) for _ in range(4)]
        while strategy._places._value > basic.WAITING + 1 - 4:
            leave.wait(0.001)
        leave.set()
        assert {future.result().user_id for future in waiting} == {"ann"}
    assert len(asked) == 1


def test_only_so_many_are_remembered_and_the_oldest_go(monkeypatch):
    monkeypatch.setattr(basic, "REMEMBERED_ENTRIES", 2)
    remembered = Remembered(StoppedClock())
    first, second, third = (remembered.digest(GENERATION, name, b"x") for name in ("a", "b", "c"))
    for digest in (first, second, first, third):
        remembered.add(digest)
    assert [remembered.has(digest) for digest in (first, second, third)] == [True, False, True]


def test_digests_tell_name_password_file_and_process_apart():
    one, other = Remembered(StoppedClock()), Remembered(StoppedClock())
    digests = {
        one.digest(GENERATION, "ab", b"c"),
        one.digest(GENERATION, "a", b"bc"),
        one.digest((9, 9, 9, 9), "ab", b"c"),
        other.digest(GENERATION, "ab", b"c"),
    }
    assert len(digests) == 4
    assert one.digest(GENERATION, "ab", b"c") in digests


def test_time_makes_forget():
    clock = StoppedClock()
    remembered = Remembered(clock)
    digest = remembered.digest(GENERATION, "a", b"x")
    remembered.add(digest)
    clock.seconds = 299.9
    assert remembered.has(digest)
    clock.seconds = 300.0
    assert not remembered.has(digest)


def test_a_client_that_has_tokens_only_sends_name_and_password_as_one(strategy):
    assert strategy.authenticate({"HTTP_X_AUTH_TOKEN": "ann:sesame"}).project_id == "fishers"


@pytest.mark.parametrize(
    "token", ["", "notused", "ann:wrong", "ann:", ":sesame", "ann:" + "x" * 73, "\xff:x", "a" * 2000]
)
def test_any_other_token_is_refused(strategy, token):
    with pytest.raises(Unauthenticated):
        strategy.authenticate({"HTTP_X_AUTH_TOKEN": token})


def test_where_there_is_a_basic_header_the_token_counts_for_nothing(strategy):
    with pytest.raises(Unauthenticated):
        strategy.authenticate(environ("ann", "wrong") | {"HTTP_X_AUTH_TOKEN": "ann:sesame"})
