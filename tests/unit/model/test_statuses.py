"""The table of statuses by itself. That operations keep to it: tests/unit/conductor/test_status_sequences.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.model.statuses import (
    FAILED,
    IN_PROGRESS,
    RESIZABLE,
    STEADY,
    TRANSITIONS,
    IllegalTransitionError,
    Status,
    StatusEvent,
    UnknownStatus,
    after,
    read_status,
)

statuses = st.sampled_from(Status)
status_events = st.sampled_from(StatusEvent)


@given(statuses, st.lists(status_events, max_size=30))
def test_any_sequence_of_events_keeps_to_the_table(status, sequence):
    for event in sequence:
        if (status, event) in TRANSITIONS:
            status = after(status, event)
            assert status in Status
        else:
            with pytest.raises(IllegalTransitionError, match="cannot happen in status"):
                after(status, event)


@given(statuses)
def test_a_delete_leads_on_from_everywhere(status):
    assert after(status, StatusEvent.DELETE_STARTED) is Status.DELETE_IN_PROGRESS


@given(st.text().filter(lambda text: text not in set(Status)), status_events)
def test_from_a_status_of_another_release_only_a_delete_leads_on(text, event):
    status = read_status(text)
    assert isinstance(status, UnknownStatus)
    assert status == text
    if event is StatusEvent.DELETE_STARTED:
        assert after(status, event) is Status.DELETE_IN_PROGRESS
    else:
        with pytest.raises(IllegalTransitionError):
            after(status, event)


@given(statuses)
def test_every_status_reads_as_itself(status):
    assert read_status(str(status)) is status


def test_only_failures_fail_and_only_completions_complete():
    for (_, event), status in TRANSITIONS.items():
        assert event.endswith("failed") == (status in FAILED)
        assert event.endswith("done") == status.endswith("_COMPLETE")
        assert event.endswith(("started", "retried")) == (status in IN_PROGRESS)


def test_the_sets_of_statuses():
    assert {*STEADY, Status.UPDATE_FAILED, Status.UPDATE_IN_PROGRESS} == RESIZABLE
    assert not STEADY & (FAILED | IN_PROGRESS)
    assert read_status(None) is None
