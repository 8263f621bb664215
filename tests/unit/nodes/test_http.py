import pytest

from magnum.nodes.data import Trustee
from magnum.nodes.files import data_files

ASK = 'api "ask a question" "$scratch/answer" questions/1 --header "X-More: yes"; cat "$scratch/answer"'


def test_an_answer_is_given(machine):
    machine.answer((0, 200, "the answer"))
    asked = machine.shell(ASK)
    assert asked.stdout == "the answer"
    assert 'url = "https://10.20.0.1:9511/v1/questions/1"' in machine.calls[0]
    assert "X-More: yes" in machine.calls[0]


@pytest.mark.parametrize(
    "problem", [(7, 0, ""), (28, 0, ""), (56, 0, ""), (60, 0, ""), (0, 503, "wait"), (0, 429, "slow")]
)
def test_what_may_pass_is_tried_again_with_growing_pauses(machine, problem):
    machine.answer(*[problem] * 6, (0, 200, "the answer"))
    assert machine.shell(ASK).stdout == "the answer"
    assert machine.commands == ["sleep 1", "sleep 2", "sleep 4", "sleep 8", "sleep 15", "sleep 15"]


@pytest.mark.parametrize(
    "problem", [(0, 400, "bad csr"), (0, 401, "bad token"), (0, 404, "gone"), (0, 302, "elsewhere"), (90, 0, "")]
)
def test_what_will_not_pass_fails_at_once_and_says_why(machine, problem):
    machine.answer(problem)
    asked = machine.shell(ASK)
    assert asked.returncode == 1
    assert "ask a question" in asked.stderr
    assert (problem[2] or "it did not work") in asked.stderr
    assert len(machine.calls) == 1


def test_trying_again_ends(machine):
    """Bash's clock stands still here but for the pauses: unset, SECONDS is a variable like any other."""
    machine.answer((7, 0, ""))
    clock = "unset SECONDS; SECONDS=0; sleep() { SECONDS=$((SECONDS + $1)); }"
    asked = machine.shell(f"{clock}; http_seconds=3; {ASK}")
    assert asked.returncode == 1
    assert "tried for 3 s" in asked.stderr
    assert len(machine.calls) == 3


def test_a_long_refusal_is_cut_and_printable(machine):
    machine.answer((0, 400, "\x1b[31m" + "x" * 5000))
    asked = machine.shell(ASK)
    assert len(asked.stderr) < 500
    assert "\x1b" not in asked.stderr


def test_the_answer_before_is_not_the_answer_now(machine):
    machine.answer((0, 200, "old"), (0, 400, ""))
    asked = machine.shell(f"{ASK}; {ASK}")
    assert asked.stdout == "old"
    assert "answered 400: \n" in asked.stderr


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, ""),
        ({"api_pin": "A" * 43 + "="}, f"--insecure\n--pinnedpubkey\nsha256//{'A' * 43}=\n"),
        ({"api_ca": "-----BEGIN CERTIFICATE-----\nAA\n"}, "--cacert\n"),
    ],
)
def test_whom_it_believes(machine, make_data, changes, options):
    machine.install(data_files(make_data(**changes)))
    machine.shell(ASK)
    assert options in machine.calls[0]
    assert ("--insecure" in machine.calls[0]) == ("pin" in str(changes))


def test_with_keystone_each_call_has_a_token_of_its_own(machine, make_data):
    machine.install(data_files(make_data(credential=Trustee("http://keystone/v3", "abc", 'pass"word'))))
    machine.answer((0, 201, "{}"), (0, 200, "the answer"))
    assert machine.shell(ASK).stdout == "the answer"
    keystone, question = machine.calls
    assert 'url = "http://keystone/v3/auth/tokens"' in keystone
    assert keystone.endswith('{"id": "abc", "password": "pass\\"word"}}}}}')
    assert 'header = "X-Auth-Token: token-of-keystone"' in question
    assert "token-of-keystone" not in question.partition("--- config")[0]


def test_the_pinned_key_is_not_expected_of_keystone(machine, make_data):
    machine.install(
        data_files(make_data(credential=Trustee("https://keystone/v3", "abc", "pw"), api_pin="A" * 43 + "="))
    )
    machine.answer((0, 201, "{}"), (0, 200, "the answer"))
    assert machine.shell(ASK).stdout == "the answer"
    keystone, question = machine.calls
    assert "--insecure" not in keystone
    assert "--pinnedpubkey" in question


def test_keystones_refusal_is_the_reason(machine, make_data):
    machine.install(data_files(make_data(credential=Trustee("http://keystone/v3", "abc", "pw"))))
    machine.answer((0, 401, "who are you"))
    asked = machine.shell(ASK)
    assert asked.returncode == 1
    assert "ask Keystone for a token: answered 401: who are you" in asked.stderr
    assert len(machine.calls) == 1


def test_a_missing_value_is_named(machine):
    machine.path("/etc/magnum/node/api_url").unlink()
    asked = machine.shell(ASK)
    assert asked.returncode == 1
    assert "was not given its api_url" in asked.stderr
    assert machine.calls == []
