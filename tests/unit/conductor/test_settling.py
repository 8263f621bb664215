import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.conductor.settling import back_off


@given(st.integers(min_value=1, max_value=10_000), st.integers())
def test_the_pause_grows_to_a_bound_and_is_never_the_same_for_all(attempts, seed):
    pause = back_off(attempts, random.Random(seed))
    longest = min(120.0, 2.0 ** min(attempts - 1, 10))
    assert longest / 2 <= pause <= longest


def test_two_conductors_do_not_keep_in_step():
    assert back_off(5, random.Random(1)) != pytest.approx(back_off(5, random.Random(2)))
