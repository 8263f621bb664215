"""The kinds of values that labels have: what is a good one, and what it means.

A label is stored as the text that it was given as, whatever its kind; old clients send booleans as `True` or `yes` and
numbers as texts. `read` gives what a text means and raises ValueError for one that is no value of the kind. `allowed`
completes the sentence "The label x must be …", without a full stop in it: clients show no more than the first sentence.
An empty text means that the label is not set, so no kind sees one.

Pure; which label is of which kind is `known_labels`'s.
"""

import ipaddress
import json
import re
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_LONGEST = 4096
_LARGEST = 2**31 - 1

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Kind(Protocol):
    @property
    def allowed(self) -> str: ...

    @property
    def example(self) -> str:
        """Show one where `allowed` does not say it all, else nothing."""
        ...

    def read(self, text: str) -> Any: ...


class Flag(msgspec.Struct, frozen=True):
    """A boolean, in all the words that clients have sent over the years."""

    example: str = ""

    @property
    def allowed(self) -> str:
        return "true or false"

    def read(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(text)
        return word in _TRUE


class Number(msgspec.Struct, frozen=True):
    least: int = 0
    most: int = _LARGEST
    example: str = ""

    @property
    def allowed(self) -> str:
        if self.most == _LARGEST:
            return f"a whole number of at least {self.least}"
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not self.least <= int(text) <= self.most:
            raise ValueError(text)
        return int(text)


class Choice(msgspec.Struct, frozen=True):
    """One of these words."""

    words: tuple[str, ...]
    example: str = ""

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(self.words)}"

    def read(self, text: str) -> str:
        if text not in self.words:
            raise ValueError(text)
        return text


class Words(msgspec.Struct, frozen=True):
    """Several of these words, with `separator` between (a space stands for any white space)."""

    words: tuple[str, ...]
    separator: str = ","
    any_case: bool = False
    example: str = ""

    @property
    def allowed(self) -> str:
        between = "spaces" if self.separator == " " else "commas"
        return f"made of these words, with {between} between: {', '.join(self.words)}"

    def read(self, text: str) -> tuple[str, ...]:
        text = text.lower() if self.any_case else text
        given = text.split(None if self.separator == " " else self.separator)
        if not given or not set(given) <= set(self.words):
            raise ValueError(text)
        return tuple(given)


class Cidr(msgspec.Struct, frozen=True):
    """A range of IPv4 addresses; bounds are lengths of its prefix."""

    widest: int = 8
    narrowest: int = 30
    example: str = "10.100.0.0/16"

    @property
    def allowed(self) -> str:
        return f"the first address of a range of IPv4 and its prefix of {self.widest} to {self.narrowest} bits"

    def read(self, text: str) -> ipaddress.IPv4Network:
        if "/" not in text:
            raise ValueError(text)
        network = ipaddress.IPv4Network(text)
        if not self.widest <= network.prefixlen <= self.narrowest:
            raise ValueError(text)
        return network


class Cidrs(msgspec.Struct, frozen=True):
    """Ranges of addresses, IPv4 or IPv6, with commas between."""

    example: str = "192.0.2.0/24,198.51.100.0/24"

    @property
    def allowed(self) -> str:
        return "ranges of addresses with commas between"

    def read(self, text: str) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))


class Pattern(msgspec.Struct, frozen=True):
    """A text of a form; `allowed` says which."""

    pattern: str
    allowed: str
    example: str = ""

    def read(self, text: str) -> str:
        if len(text) > _LONGEST or not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        return text


class Url(msgspec.Struct, frozen=True):
    example: str = ""

    @property
    def allowed(self) -> str:
        return "a URL that begins with https:// or http://"

    def read(self, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[^!-~]", text):
            raise ValueError(text)
        return text


class Sha256(msgspec.Struct, frozen=True):
    """Read as its 64 digits; some tools write `sha256:` before them."""

    example: str = ""

    @property
    def allowed(self) -> str:
        return "a SHA-256 checksum of 64 hexadecimal digits"

    def read(self, text: str) -> str:
        digits = text.removeprefix("sha256:").lower()
        if not re.fullmatch(r"[0-9a-f]{64}", digits):
            raise ValueError(text)
        return digits


class Json(msgspec.Struct, frozen=True):
    """JSON, or the path of a file with it, which published guides show."""

    example: str = ""

    @property
    def allowed(self) -> str:
        return "JSON, or the path of a file with it"

    def read(self, text: str) -> str:
        if text.startswith("/"):
            return text
        try:
            json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return text


FLAG = Flag()
TEXT = Pattern(r"[^\n\r]+", "a text of one line")
OPTIONS = Pattern(r"[^\n\r]+", "command-line options on one line", "--v=2")
TAG = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    "the tag of an image, of up to 128 letters, digits, underscores, full stops and hyphens",
)
VERSION = Pattern(r"v?[0-9]{1,4}(\.[0-9]{1,4}){0,3}([-+.][A-Za-z0-9.+-]{1,64})?", "a version", "v3.2.1")
KUBERNETES_VERSION = Pattern(
    r"v?[0-9]{1,2}(\.[0-9]{1,4}){2}([-+][A-Za-z0-9.+-]{1,64})?", "a version of Kubernetes in three numbers", "v1.32.4"
)
PREFIX = Pattern(
    r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/)?([a-z0-9]+([._-]+[a-z0-9]+)*/)*",
    "the beginning of images' names, which ends in /",
    "registry.example.com/mirror/",
)
NAME = Pattern(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a name of up to 63 small letters, digits and hyphens")
DOMAIN = Pattern(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    "a name of DNS in small letters",
    "web.example.com",
)
LABEL_VALUE = Pattern(
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?",
    "a value of a node's label, of up to 63 letters, digits, underscores, full stops and hyphens",
)
NAMES = Pattern(r"[A-Za-z0-9]+(,[A-Za-z0-9]+)*", "names with commas between", "NodeRestriction,PodSecurity")
