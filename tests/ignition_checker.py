"""Ignition's specification 3.0.0, as far as it speaks of users, units, folders and files: every member named.

And what Ignition does with files, so that what it would write can be compared.
"""

import base64
import gzip
import re
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

import msgspec

from magnum.nodes.files import NodeFile

_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.(service|socket|mount|path|timer|target)")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Versioned(_Strict):
    version: Literal["3.0.0"]


class User(_Strict):
    name: str
    sshAuthorizedKeys: list[str] = []  # noqa: N815 - as the specification writes it


class Passwd(_Strict):
    users: list[User] = []


class Unit(_Strict):
    name: str
    enabled: bool | None = None
    mask: bool = False
    contents: str | None = None


class Systemd(_Strict):
    units: list[Unit] = []


class Contents(_Strict):
    source: str
    compression: Literal["gzip"] | None = None


class Directory(_Strict):
    path: str
    mode: int
    overwrite: bool = False


class File(_Strict):
    path: str
    mode: int
    contents: Contents
    overwrite: bool = False


class Storage(_Strict):
    directories: list[Directory] = []
    files: list[File] = []


class Configuration(_Strict):
    ignition: Versioned
    passwd: Passwd = Passwd()
    systemd: Systemd = Systemd()
    storage: Storage = Storage()


def checked(text: str) -> Configuration:
    configuration = msgspec.json.decode(text, type=Configuration)
    nodes: list[Any] = [*configuration.storage.directories, *configuration.storage.files]
    paths = [node.path for node in nodes]
    assert len(set(paths)) == len(paths), "two of one path are refused"
    for node in nodes:
        assert node.path.startswith("/")
        assert not node.path.endswith("/")
        assert "//" not in node.path
        assert 0 <= node.mode <= 0o7777
    names = [unit.name for unit in configuration.systemd.units]
    assert len(set(names)) == len(names)
    assert all(_UNIT.fullmatch(name) for name in names)
    users = [user.name for user in configuration.passwd.users]
    assert len(set(users)) == len(users)
    return configuration


def written(configuration: Configuration) -> list[NodeFile]:
    return [NodeFile(file.path, file.mode, _content(file.contents)) for file in configuration.storage.files]


def _content(contents: Contents) -> bytes:
    kind, comma, data = contents.source.partition(",")
    assert comma
    assert kind in ("data:", "data:;base64")
    # A data URL has no other characters than a URL; all else is escaped.
    assert re.fullmatch(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", data)
    content = base64.b64decode(data, validate=True) if kind.endswith("base64") else unquote_to_bytes(data)
    return gzip.decompress(content) if contents.compression else content
