"""What is remembered of tokens: for as long as was said, and not more of them than fit."""

from magnum.api.middleware.tokens import TokenMemory


class Clock:
    elapsed = 0.0

    def now(self) -> int:
        raise AssertionError

    def monotonic(self) -> float:
        return self.elapsed


def test_an_answer_counts_for_its_time():
    clock = Clock()
    memory = TokenMemory(clock)
    memory.set("k", b"answer", time=300)
    clock.elapsed = 299.9
    assert memory.get("k") == b"answer"
    clock.elapsed = 300
    assert memory.get("k") is None


def test_what_is_not_known_and_what_is_not_to_be_kept():
    memory = TokenMemory(Clock())
    memory.set("k", b"answer", time=-1)
    assert memory.get("k") is None
    assert memory.get("other") is None


def test_the_oldest_of_too_many_is_forgotten():
    memory = TokenMemory(Clock(), most=2)
    for key in ("a", "b", "a", "c"):
        memory.set(key, b"answer", time=300)
    assert [memory.get(key) for key in ("a", "b", "c")] == [b"answer", None, b"answer"]
