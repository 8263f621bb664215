"""The configuration files of all services, made of those in `lab/etc`. What each of them says is there, not here.

They hold passwords, so nobody else may read them. A file that says the same already is left alone.
"""

import base64
from pathlib import Path
from string import Template

from magnum.certificates.encryption import generate_key_file
from magnum.certificates.private_files import write_private_file

from .settings import LOOPBACK, REGION, SERVERS, Lab

SOURCES = Path(__file__).parent / "etc"
FOLDERS = (
    *("keystone/tokens", "keystone/credentials", "glance/images", "glance/staging", "glance/tasks", "nova/instances"),
    *("cinder", "neutron", "heat", "magnum", "rabbitmq", "registry"),
)
"""Under `data`: services do not make these themselves."""
HOMES = ("barbican", "heat")
"""Who finds its configuration at home, when a WSGI server runs it, and takes no other hint."""


def write_all(lab: Lab) -> None:
    for folder in (*(f"data/{folder}" for folder in FOLDERS), "logs", "run", "done", "home"):
        (lab.folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for source in SOURCES.glob("*/*"):
        target = lab.etc / source.relative_to(SOURCES)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = Template(source.read_text()).substitute(words(lab, source.parent.name)).encode()
        if not target.exists() or target.read_bytes() != text:
            write_private_file(target, text, replace=True)
    for service in HOMES:
        home = lab.folder / "home" / f".{service}"
        if not home.is_symlink():
            home.symlink_to(lab.etc / service)
    if not (key := lab.data / "magnum/encryption.key").exists():
        generate_key_file(key)


def files_of(lab: Lab, service: str) -> list[Path]:
    return [lab.etc / source.relative_to(SOURCES) for source in sorted((SOURCES / service).glob("*"))]


def words(lab: Lab, service: str) -> dict[str, object]:
    """Give what the words with a dollar stand for in the files of one service."""
    return {
        **{server.replace("-", "_"): lab.port(server) for server in SERVERS},
        "address": lab.address,
        "loopback": LOOPBACK,
        "region": REGION,
        "password": lab.password,
        "key": lab.written.key,
        "key_base64": base64.b64encode(lab.written.key.encode()).decode(),
        "data": lab.data,
        "environment": lab.environment,
        "identity": lab.identity,
        "database": database_url(lab, service),
        "api_database": database_url(lab, f"{service}_api"),
        "messages": f"rabbit://lab:{lab.password}@{LOOPBACK}:{lab.port('rabbitmq')}/",
        "cache": _lines(
            {"enabled": "true", "backend": "oslo_cache.memcache_pool", "memcache_servers": _memcached(lab)},
        ),
        "credentials": _lines(
            {
                "auth_type": "password",
                "auth_url": lab.identity,
                "username": service,
                "password": lab.password,
                "project_name": "service",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
                "region_name": REGION,
            },
        ),
        "tokens": _lines(
            {
                "www_authenticate_uri": lab.identity,
                "service_token_roles": "service",
                "service_token_roles_required": "true",
                "memcached_servers": _memcached(lab),
            },
        ),
    }


def database_url(lab: Lab, database: str) -> str:
    return f"mysql+pymysql://lab:{lab.password}@{LOOPBACK}:{lab.port('mariadb')}/{database}?charset=utf8mb3"


def _memcached(lab: Lab) -> str:
    return f"{LOOPBACK}:{lab.port('memcached')}"


def _lines(options: dict[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in options.items())
