"""What a node can be told: the form of each sort of value.

A node's program handles its values with a shell and writes them into JSON, into configuration of curl and openssl, and
into environment files of systemd. It is kept simple by this promise: a value is bounded, of one line, and free of
quotes, backslashes and control characters. One that does not fit is a `ValueError` that names the field but not the
value, which may be secret.
"""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
WORD = re.compile(r"[a-z0-9-]{1,64}")
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,4096}")
SHA256_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
REGISTRY = re.compile(r"[A-Za-z0-9.:/\[\]-]{1,255}")
PROXY_EXCEPTIONS = re.compile(r"[A-Za-z0-9.:/*_,\[\]-]{1,4096}")

_URL = re.compile(r"[!#-&(-\[\]-~]{1,2048}")  # printable ASCII but space, quotes and backslash
_CERTIFICATES = re.compile(r"-----BEGIN CERTIFICATE-----[ -~\n]{1,65536}")
_MAX_ENTRIES = 64


def check_form(field: str, form: re.Pattern[str], *values: str) -> None:
    for value in values:
        if form.fullmatch(value) is None:
            raise ValueError(f"{field} does not have the form that a node can be told: {form.pattern}")


def check_url(field: str, value: str) -> None:
    if _URL.fullmatch(value) is None:
        raise ValueError(f"{field} must be a URL of at most 2048 printable characters without quotes and backslashes")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{field} must be an http or https URL with a host")


def check_address(field: str, value: str) -> None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{field} must be an IP address") from None
    if str(address) != value or "%" in value:
        raise ValueError(f"{field} must be an IP address in its usual spelling, without a zone")


def check_certificates(field: str, value: str) -> None:
    if _CERTIFICATES.fullmatch(value) is None:
        raise ValueError(f"{field} must be certificates in PEM, of 64 KiB at most")


def check_entries(field: str, values: Sequence[str]) -> None:
    if len(values) > _MAX_ENTRIES:
        raise ValueError(f"{field} has {len(values)} entries; a node can be told {_MAX_ENTRIES}")
