"""[barbican_client] … [octavia_client]: which endpoint of each OpenStack service is called, and how."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option

_VERSION = "The version is negotiated."


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    region_name: Annotated[str | None, Option("Region of the endpoint in the service catalogue.")] = None
    endpoint_type: Annotated[str, Option("Interface of the endpoint: public, internal or admin.")] = "publicURL"


class SecureEndpoint(Endpoint, frozen=True, kw_only=True):
    ca_file: Annotated[Path | None, Option("CA certificates to verify the endpoint with, PEM.")] = None
    cert_file: Annotated[Path | None, Option("Client certificate, PEM.")] = None
    key_file: Annotated[Path | None, Option("Key of the client certificate, PEM.")] = None
    insecure: Annotated[bool, Option("Do not verify the endpoint's certificate.")] = False


class Cinder(Endpoint, frozen=True, kw_only=True):
    api_version: Annotated[str, Option("Version of the API.", unused=_VERSION)] = "2"


class Glance(SecureEndpoint, frozen=True, kw_only=True):
    api_version: Annotated[str, Option("Version of the API.", unused=_VERSION)] = "2"


class Heat(SecureEndpoint, frozen=True, kw_only=True):
    api_version: Annotated[str, Option("Version of the API.", unused=_VERSION)] = "1"


class Nova(SecureEndpoint, frozen=True, kw_only=True):
    api_version: Annotated[str, Option("Version of the API.", unused=_VERSION)] = "2"
