"""The pipeline file (api-paste.ini): where it is found, and how the onion that it describes is put together.

PasteDeploy hands every factory the same mapping; the service is in it, under `SERVICE`, so that no ring and no
application takes anything from a global. Files of earlier releases load unchanged: factories that are no more have a
stand-in.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from paste.deploy.loadwsgi import ConfigLoader

from magnum.conf.settings import Settings, SettingsError
from magnum.core.service import Service

from .requests import SERVICE

SHIPPED = Path(__file__).with_name("api-paste.ini")
_OPERATORS = Path("/etc/magnum")
_STAND_INS = {
    "oslo_middleware.cors:filter_factory": "magnum.api.middleware.cors:filter_factory",
    "oslo_middleware:RequestId.factory": "magnum.api.middleware.request_id:filter_factory",
    "oslo_middleware.request_id:RequestId.factory": "magnum.api.middleware.request_id:filter_factory",
    "oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory": "magnum.api.middleware.proxies:filter_factory",
    "oslo_middleware:HTTPProxyToWSGI.factory": "magnum.api.middleware.proxies:filter_factory",
    "oslo_middleware:Healthcheck.factory": "magnum.api.middleware.healthcheck:Healthcheck.factory",
    "magnum.common.profiler:WsgiMiddleware.factory": "magnum.api.pipeline:transparent_factory",
}


def load_app(service: Service) -> Any:
    """Build the onion, a WSGI application; raises SettingsError when there is no such file."""
    loader = ConfigLoader(str(find_pipeline(service.settings)))
    _substitute(loader.parser)
    return loader.get_app("main", global_conf={SERVICE: service} | _oslo_configuration(service.settings))


def find_pipeline(settings: Settings) -> Path:
    """Find the file: a relative name beside the configuration files; the shipped one if none has its name there."""
    name = Path(settings.api.api_paste_config)
    folders = [*(Path(file).parent for file in _config_files(settings)), _OPERATORS]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None and str(name) == SHIPPED.name:
        return SHIPPED
    if found is None:
        raise SettingsError(f"The pipeline file {name}, [api] api_paste_config, does not exist.")
    return found


def transparent_factory(_global_conf: Mapping[str, Any], **_local_conf: str) -> Callable[[Any], Any]:
    """Make a ring that lets everything through untouched."""
    return lambda app: app


def _substitute(parser: Any) -> None:
    for section in parser.sections():
        for option, value in parser.items(section, raw=True):
            if value in _STAND_INS:
                parser.set(section, option, _STAND_INS[value])


def _config_files(settings: Settings) -> list[str]:
    return list(getattr(settings.oslo, "config_file", None) or [])


def _oslo_configuration(settings: Settings) -> dict[str, str]:
    """Make oslo's rings read the configuration that this process reads, wherever it lies."""
    files = _config_files(settings)
    return {"oslo_config_project": "magnum", "oslo_config_file": files[-1]} if files else {}
