"""How often somebody may call."""

from hypothesis import given
from hypothesis import strategies as st

from magnum.api.ratelimits import RateLimit


class TurnedClock:
    seconds = 0.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


def test_a_burst_then_a_steady_rate():
    clock = TurnedClock()
    limit = RateLimit(clock, per_second=2, burst=3)
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]
    clock.seconds += 0.5
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    clock.seconds += 100
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]


def test_keys_do_not_share():
    limit = RateLimit(TurnedClock(), per_second=1, burst=1)
    assert [limit.allows(key) for key in "abab"] == [True, True, False, False]


def test_the_keys_longest_unseen_are_forgotten():
    limit = RateLimit(TurnedClock(), per_second=1, burst=1, most_keys=2)
    assert [limit.allows(key) for key in "abca"] == [True, True, True, True]
    assert len(limit._buckets) == 2


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_pattern_of_calls_gets_more_than_burst_and_rate(pauses):
    clock = TurnedClock()
    limit = RateLimit(clock, per_second=3, burst=5)
    allowed = 0
    for pause in pauses:
        clock.seconds += pause
        allowed += limit.allows("a")
    assert allowed <= 5 + 3 * clock.seconds + 1e-6
