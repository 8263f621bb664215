"""[profiler]: tracing by osprofiler, if that is installed."""

from typing import Annotated

import msgspec

from .options import Option


class Profiler(msgspec.Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Option("Trace requests.")] = False
    trace_sqlalchemy: Annotated[bool, Option("Trace SQL statements too.")] = False
    trace_requests: Annotated[bool, Option("Trace calls by the requests library too.")] = False
    hmac_keys: Annotated[str, Option("Secrets that permit tracing, with commas between.", secret=True)] = "SECRET_KEY"
    connection_string: Annotated[str, Option("Where traces go.", secret=True)] = "messaging://"
    es_doc_type: Annotated[str, Option("Elasticsearch: type of documents.")] = "notification"
    es_scroll_time: Annotated[str, Option("Elasticsearch: how long a search is kept.")] = "2m"
    es_scroll_size: Annotated[int, Option("Elasticsearch: documents a page.")] = 10000
    socket_timeout: Annotated[float, Option("Redis: seconds to wait for the other side.")] = 0.1
    sentinel_service_name: Annotated[str, Option("Redis Sentinel: name of the service.")] = "mymaster"
    filter_error_trace: Annotated[bool, Option("Keep traces of errors apart.")] = False

    def __repr__(self) -> str:
        return "Profiler(…)"
