"""Where this host gets its Debian packages from, so that what we build comes from the same place in the same way.

Reads apt's own view of its configuration; decides nothing but which of its repositories carry a suite of Debian.
"""

from collections.abc import Iterable

import msgspec

from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError

# How apt reaches a repository: proxies, and whether a frozen mirror's old signature dates are accepted.
CARRIED_OPTIONS = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
TARGET_FORMAT = "$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)"


class Repository(msgspec.Struct, frozen=True):
    """One line of a sources list."""

    uri: str
    release: str
    component: str

    def line(self) -> str:
        return f"deb {self.uri} {self.release} {self.component}"


def repositories_of(suite: str, *, timeout: float) -> tuple[Repository, ...]:
    """The repositories with the suite, its updates and its security fixes; the first one has the suite itself."""
    listed = run(["apt-get", "indextargets", "--no-release-info", "--format", TARGET_FORMAT], timeout=timeout)
    return choose(parse(listed.splitlines()), suite)


def parse(lines: Iterable[str]) -> tuple[Repository, ...]:
    targets = (line.split() for line in lines)
    found = (Repository(*words[1:]) for words in targets if len(words) == 4 and words[0] == "Packages")
    return tuple(dict.fromkeys(found))


def choose(known: Iterable[Repository], suite: str) -> tuple[Repository, ...]:
    main = [repository for repository in known if repository.component == "main"]
    wanted = (suite, f"{suite}-updates", f"{suite}-security")
    chosen = tuple(repository for release in wanted for repository in main if repository.release == release)
    if not chosen or chosen[0].release != suite:
        raise LocalError(
            f"apt on this host knows no repository with Debian {suite}, which the machines are built from: "
            f"add a line 'deb <mirror> {suite} main' under /etc/apt/sources.list.d and run 'apt-get update'"
        )
    return chosen


def options(*, timeout: float) -> str:
    """The part of this host's apt configuration that says how to reach a repository."""
    dump = run(["apt-config", "dump"], timeout=timeout)
    return "".join(line + "\n" for line in dump.splitlines() if line.startswith(CARRIED_OPTIONS))
