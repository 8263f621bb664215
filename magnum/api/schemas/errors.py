"""Errors in answers."""

import msgspec
from msgspec import UNSET, UnsetType

from .links import Link


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """`title` is the first sentence of `detail`. The request's id is in the header x-openstack-request-id."""

    request_id: str
    code: str
    status: int
    title: str
    detail: str
    links: tuple[Link, ...] = ()


class Errors(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    errors: tuple[ErrorView, ...]


class VersionErrorView(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    title: str
    max_version: str
    min_version: str
    links: tuple[Link, ...]
    description: str | UnsetType = UNSET


class VersionErrors(msgspec.Struct, frozen=True):
    """The requested microversion is not one of those that there are."""

    errors: tuple[VersionErrorView, ...]
