"""Known labels whose values the API itself judges, whatever the driver. All others are stored as they are."""

import re
from collections.abc import Callable, Mapping

import msgspec

from .errors import InvalidRequest

BOOT_VOLUME_SIZE = "boot_volume_size"
_GIGABYTES = re.compile(r"[0-9]{1,9}")
_ISOLATION = frozenset(
    {
        *("filesystem/posix", "filesystem/linux", "filesystem/shared", "posix/cpu", "posix/mem", "posix/disk"),
        *("cgroups/cpu", "cgroups/mem", "docker/runtime", "namespaces/pid"),
    }
)
_PROVIDERS = frozenset({"docker", "appc"})
_STRATEGIES = frozenset({"spread", "binpack", "random"})
_RUNTIME = "docker/runtime"


def check_labels(labels: Mapping[str, str]) -> None:
    for name, check in _CHECKS.items():
        if name in labels:
            check(labels)


def _check_boot_volume(labels: Mapping[str, str]) -> None:
    if not _GIGABYTES.fullmatch(labels[BOOT_VOLUME_SIZE]):
        raise InvalidRequest(f"The label {BOOT_VOLUME_SIZE} must be a whole number of GB.")


def _check_isolation(labels: Mapping[str, str]) -> None:
    _check_words("mesos_slave_isolation", labels["mesos_slave_isolation"].split(","), _ISOLATION)


def _check_providers(labels: Mapping[str, str]) -> None:
    providers = labels["mesos_slave_image_providers"].lower().split(",")
    _check_words("mesos_slave_image_providers", providers, _PROVIDERS)
    if "docker" in providers and _RUNTIME not in labels.get("mesos_slave_isolation", "").split(","):
        raise InvalidRequest(
            f"The label mesos_slave_image_providers with docker needs {_RUNTIME} in the label mesos_slave_isolation."
        )


def _check_variables(labels: Mapping[str, str]) -> None:
    """JSON, or the path of a file with it, which published guides show."""
    text = labels["mesos_slave_executor_env_variables"]
    if text.startswith("/"):
        return
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("The label mesos_slave_executor_env_variables must be JSON.") from None


def _check_strategy(labels: Mapping[str, str]) -> None:
    _check_words("swarm_strategy", labels["swarm_strategy"].split(), _STRATEGIES)


def _check_words(label: str, words: list[str], known: frozenset[str]) -> None:
    if not set(words) <= known:
        raise InvalidRequest(f"The label {label} must be made of these words: {', '.join(sorted(known))}.")


_CHECKS: dict[str, Callable[[Mapping[str, str]], None]] = {
    BOOT_VOLUME_SIZE: _check_boot_volume,
    "mesos_slave_isolation": _check_isolation,
    "mesos_slave_image_providers": _check_providers,
    "mesos_slave_executor_env_variables": _check_variables,
    "swarm_strategy": _check_strategy,
}
