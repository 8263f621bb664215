"""[api]: where the API listens, and how much it takes on."""

from pathlib import Path
from typing import Annotated

import msgspec
from oslo_config import types

from .options import Option


class Api(msgspec.Struct, frozen=True, kw_only=True):
    host: Annotated[str, Option("Address or host name to listen on.", kind=types.HostAddress)] = "127.0.0.1"
    port: Annotated[int, Option("TCP port to listen on.", kind=types.Port)] = 9511
    max_limit: Annotated[
        int, Option("Most items in one answer to a list request; also the page size if none is asked for.", minimum=1)
    ] = 1000
    api_paste_config: Annotated[
        str, Option("The file of the request pipeline. A relative name is looked up beside the configuration files.")
    ] = "api-paste.ini"
    enabled_ssl: Annotated[bool, Option("Serve TLS without a proxy in front.")] = False
    ssl_cert_file: Annotated[Path | None, Option("Certificate chain, PEM, when enabled_ssl is on.")] = None
    ssl_key_file: Annotated[Path | None, Option("Private key, PEM, when enabled_ssl is on.")] = None
    workers: Annotated[
        int | None, Option("Processes of magnum-api.", sample="<number of CPUs>", minimum=1, maximum=512)
    ] = None
    threads: Annotated[
        int, Option("Requests that one process works on at a time; each may hold a connection.", minimum=1, maximum=256)
    ] = 16
    max_request_body_size: Annotated[
        int, Option("Largest request body in bytes.", minimum=1024, old=("oslo_middleware", "max_request_body_size"))
    ] = 114688
    sign_wait_seconds: Annotated[
        float, Option("How long a request to sign a certificate waits for a conductor before it answers 503.")
    ] = 5.0
