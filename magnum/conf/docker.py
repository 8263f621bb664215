"""[docker] and [docker_registry]: talking to Docker engines, and the registry within clusters."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option


class Docker(msgspec.Struct, frozen=True, kw_only=True):
    docker_remote_api_version: Annotated[
        str, Option("Version of the engine's API.", unused="The version is negotiated.")
    ] = "1.21"
    default_timeout: Annotated[int, Option("Seconds that one call may take.", minimum=1)] = 60
    api_insecure: Annotated[bool, Option("Do not verify the engine's certificate.")] = False
    ca_file: Annotated[Path | None, Option("CA certificates to verify it with, PEM.")] = None
    cert_file: Annotated[Path | None, Option("Client certificate, PEM.")] = None
    key_file: Annotated[Path | None, Option("Key of the client certificate, PEM.")] = None


class DockerRegistry(msgspec.Struct, frozen=True, kw_only=True):
    swift_region: Annotated[str | None, Option("Region of the object store.")] = None
    swift_registry_container: Annotated[str, Option("Container of the object store.")] = "docker_registry"
