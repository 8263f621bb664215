"""The database server, and the databases of all services with their tables."""

import getpass
import os
from collections.abc import Mapping, Sequence

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from .settings import LOOPBACK, REGION, Lab

DATABASES = (
    *("keystone", "barbican", "glance", "placement", "nova", "nova_api", "nova_cell0", "neutron", "cinder", "octavia"),
    *("heat", "magnum"),
)
CHARACTERS = "utf8mb3"
"""What the services' own tables expect."""
MARIADB = "/usr/sbin/mariadbd"


def serve(lab: Lab) -> Sequence[str]:
    """Give the command of the server."""
    folder = lab.data / "mariadb"
    files = (f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid")
    network = (f"--bind-address={LOOPBACK}", f"--port={lab.port('mariadb')}", "--max-connections=1000")
    # What the lab holds can be made again, so nothing waits for the disk.
    quick = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite")
    size = ("--innodb-buffer-pool-size=256M", "--performance-schema=off", "--skip-name-resolve")
    characters = (f"--character-set-server={CHARACTERS}",)
    return (MARIADB, "--no-defaults", f"--user={getpass.getuser()}", *files, *network, *quick, *size, *characters)


def initialisation(lab: Lab) -> Sequence[Sequence[str]]:
    """Give the commands that make the server's folder, anew if it is there by half."""
    folder = lab.data / "mariadb"
    # Only who runs the lab is the administrator, and by the socket only.
    user = getpass.getuser()
    access = ("--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}", "--skip-test-db")
    options = (f"--datadir={folder}/data", f"--user={user}", "--skip-name-resolve")
    return [
        ("rm", "-rf", str(folder)),
        ("mkdir", "-m", "0700", str(folder)),
        ("mariadb-install-db", "--no-defaults", *access, *options),
    ]


def make_databases(lab: Lab) -> bool:
    """Make those databases that are missing, all of one user."""
    socket = {"unix_socket": str(lab.data / "mariadb/socket")}
    engine = create_engine(URL.create("mysql+pymysql", "root", query=socket), poolclass=NullPool)
    with engine.connect() as connection:
        present = set(connection.execute(text("SHOW DATABASES")).scalars())
        missing = [name for name in DATABASES if name not in present]
        user = f"lab@'{LOOPBACK}'"
        if missing:
            connection.execute(text(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{lab.password}'"))
        for name in missing:
            connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET {CHARACTERS}"))
            connection.execute(text(f"GRANT ALL ON {name}.* TO {user}"))
    return bool(missing)


def migrations(lab: Lab) -> Mapping[str, Sequence[Sequence[str]]]:
    """Give, for each service, the commands that make its tables and what else has to be there before it starts."""

    def manage(program: str, file: str, *commands: str) -> list[list[str]]:
        return [[lab.program(program), "--config-file", str(lab.etc / file), *words.split()] for words in commands]

    keystone = manage("keystone-manage", "keystone/keystone.conf", "db_sync", "fernet_setup", "credential_setup")
    for command in keystone[1:]:
        command += ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
    bootstrap = [f"--bootstrap-{face}-url={lab.identity}" for face in ("public", "internal", "admin")]
    keystone += [[*keystone[0][:3], "bootstrap", f"--bootstrap-region-id={REGION}", *bootstrap]]
    cells = ("cell_v2 map_cell0", "db sync", "cell_v2 create_cell")
    nova = manage("nova-manage", "nova/nova.conf", "api_db sync", *cells)
    nova = [
        [*command[:3], "--config-file", str(lab.etc / "nova/nova-databases.conf"), *command[3:]] for command in nova
    ]
    nova[3].append("--name=lab")
    return {
        "keystone": keystone,
        "barbican": [[lab.program("barbican-manage"), "db", "upgrade"]],
        "glance": manage("glance-manage", "glance/glance-api.conf", "db_sync"),
        "placement": manage("placement-manage", "placement/placement.conf", "db sync"),
        "nova": nova,
        "neutron": manage("neutron-db-manage", "neutron/neutron.conf", "upgrade heads"),
        "cinder": manage("cinder-manage", "cinder/cinder.conf", "db sync"),
        "octavia": manage("octavia-db-manage", "octavia/octavia.conf", "upgrade head"),
        "heat": manage("heat-manage", "heat/heat.conf", "db_sync"),
        "magnum": [
            [lab.own_program("magnum-db-manage"), "--config-file", str(lab.etc / "magnum/magnum.conf"), "upgrade"],
        ],
    }
