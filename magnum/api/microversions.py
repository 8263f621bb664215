"""Microversions: which one a request asks for, and whether it has what the request needs.

    OpenStack-API-Version: container-infra 1.7

No header means 1.1, `latest` the newest. What each version changed: docs/api.md. A request outside the range gets 406
with the range in it; a header that cannot be understood gets 406 without.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

HEADER = "OpenStack-API-Version"
SERVICE = "container-infra"
SERVICES = (SERVICE, "container-infrastructure", "container-infrastructure-management")
_LATEST = "latest"
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})", re.ASCII)


class Version(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


MINIMUM = Version(1, 1)
MAXIMUM = Version(1, 14)

ASYNC_BAYS = Version(1, 2)
"""From here on changes of bays answer with a UUID, below with the whole bay."""
ROLLBACK = Version(1, 3)
RESIZE = Version(1, 7)
UPGRADE = Version(1, 8)
NODEGROUPS = Version(1, 9)
ZERO_NODES = Version(1, 10)
"""Also: an unknown template named in a new cluster is 404 instead of 400."""
NO_BAYS = Version(1, 11)
"""From here on bays and baymodels are not found."""
CREDENTIALS = Version(1, 12)
CLUSTER_ID = Version(1, 13)


class MalformedVersionError(Exception):
    """The header cannot be understood."""

    def __init__(self) -> None:
        super().__init__(f"The header {HEADER} must be like '{SERVICE} {MAXIMUM}' or '{SERVICE} {_LATEST}'.")


class UnsupportedVersionError(Exception):
    """The version is well-formed and outside the range."""

    def __init__(self, asked: "Negotiated") -> None:
        super().__init__(f"Version {asked.version} was requested but the supported range is {MINIMUM} to {MAXIMUM}.")
        self.asked = asked


class NotInVersionError(Exception):
    """The method does not exist at the requested version."""

    def __init__(self, version: "Version", since: "Version") -> None:
        super().__init__(f"This method is there from version {since} on; version {version} was requested.")


class Negotiated(NamedTuple):
    """What a request gets, and the service's name in the word of its sender."""

    version: Version
    service: str

    def headers(self) -> Mapping[str, str]:
        return {
            "OpenStack-API-Minimum-Version": f"{self.service} {MINIMUM}",
            "OpenStack-API-Maximum-Version": f"{self.service} {MAXIMUM}",
            HEADER: f"{self.service} {self.version}",
            "vary": HEADER,
        }


def negotiate(header: str | None) -> Negotiated:
    """Read the header; raises MalformedVersionError, UnsupportedVersionError."""
    if header is None:
        return Negotiated(MINIMUM, SERVICE)
    words = header.split()
    if len(words) != 2:
        raise MalformedVersionError
    service, number = words[0].lower(), words[1].lower()
    if number == _LATEST:
        return Negotiated(MAXIMUM, service if service in SERVICES else SERVICE)
    match = _NUMBER.fullmatch(number)
    if match is None or service not in SERVICES:
        raise MalformedVersionError
    asked = Negotiated(Version(int(match[1]), int(match[2])), service)
    if not MINIMUM <= asked.version <= MAXIMUM:
        raise UnsupportedVersionError(asked)
    return asked


def require(version: Version, since: Version) -> None:
    if version < since:
        raise NotInVersionError(version, since)
