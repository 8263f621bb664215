"""[DEFAULT]: where things lie, who this host is, and how requests are authenticated."""

import socket
from pathlib import Path
from typing import Annotated

import msgspec
from oslo_config import types

import magnum

from .options import Option

PACKAGE = Path(magnum.__file__).parent
_NOT_READ = "Accepted from older files; nothing reads it."


class Default(msgspec.Struct, frozen=True, kw_only=True):
    pybasedir: Annotated[
        Path, Option("Base of other paths: the installed package.", sample="<directory of the package>")
    ] = PACKAGE
    bindir: Annotated[Path, Option("Directory of executables.", default="$pybasedir/bin", unused=_NOT_READ)] = (
        PACKAGE / "bin"
    )
    state_path: Annotated[Path, Option("Top directory of what is kept at run time.", default="$pybasedir")] = PACKAGE
    auth_strategy: Annotated[
        str,
        Option(
            "How requests are authenticated: by Keystone, by the user file named in http_basic_auth_user_file, or not "
            "at all, which is for tests: everybody is an administrator then.",
            choices=("keystone", "http_basic", "noauth"),
        ),
    ] = "keystone"
    http_basic_auth_user_file: Annotated[
        Path,
        Option(
            "Users for auth_strategy http_basic, one a line: user name, bcrypt hash of the password (as made by "
            "htpasswd -B), and optionally project and comma-separated roles, with colons between."
        ),
    ] = Path("/etc/magnum/htpasswd")
    host: Annotated[
        str,
        Option(
            "Name of this host in service records and notifications.",
            default=None,
            sample="<name of the host>",
            kind=types.HostAddress,
        ),
    ] = msgspec.field(default_factory=socket.gethostname)
    periodic_enable: Annotated[bool, Option("Whether conductors run status and health checks by the clock.")] = True
    periodic_interval_max: Annotated[
        int, Option("Longest time in seconds between two passes of periodic checks.", minimum=1)
    ] = 60
    periodic_global_stack_list: Annotated[
        bool,
        Option(
            "List Heat's stacks of all projects at once while clusters are waited for, instead of those of one project "
            "after the other. The service's own user must be allowed to by Heat's policy stacks:global_index."
        ),
    ] = False
    service_down_time: Annotated[
        int, Option("Seconds without a heartbeat after which a conductor is shown as down.", minimum=1)
    ] = 180
    password_symbols: Annotated[
        tuple[str, ...],
        Option("Groups of characters for generated passwords; each password has one of every group at least."),
    ] = ("23456789", "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz")
    rootwrap_config: Annotated[str, Option("Rules for privileged commands.", unused=_NOT_READ)] = (
        "/etc/magnum/rootwrap.conf"
    )
    tempdir: Annotated[str | None, Option("Directory for temporary files.", unused=_NOT_READ)] = None
    max_manifest_size: Annotated[int, Option("Largest accepted manifest in bytes.", unused=_NOT_READ)] = 524288
