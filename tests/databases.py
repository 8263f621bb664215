"""Database servers of Debian's packages, for tests and measurements: private, on a unix socket, gone with their folder.

Both refuse to be root, so that root lets them be `nobody`. What they store is worth nothing after the test, so that
nothing is flushed to the disk. One server serves a whole session.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import create_engine, delete, make_url, table, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from magnum.db.engine import Database, open_database
from magnum.db.migrate import create_all
from magnum.db.tables import METADATA
from magnum.model.clocks import Clock, Instant

SECONDS = 60
_NUMBERS = itertools.count(1)


class PostgreSQL:
    administration = "postgres"
    ready = "ready to accept connections"
    stop = "INT"

    def __init__(self) -> None:
        # Debian keeps every version in a folder of its own, and none of them on the search path.
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        self._programs = found[-1].parent if found else Path()

    def initialise(self, folder: Path) -> Sequence[str]:
        options = ("--username=magnum", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        return (f"{self._programs}/initdb", f"--pgdata={folder}/data", *options)

    def serve(self, folder: Path) -> Sequence[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return (f"{self._programs}/postgres", "-D", f"{folder}/data", *given)

    def url(self, folder: Path, database: str) -> URL:
        return make_url(f"postgresql+psycopg://magnum@/{database}").update_query_dict({"host": str(folder)})


class MariaDB:
    administration = "mysql"
    ready = "ready for connections"
    stop = "TERM"

    def initialise(self, folder: Path) -> Sequence[str]:
        options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        return ("mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", *options)

    def serve(self, folder: Path) -> Sequence[str]:
        files = (f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid")
        charset = ("--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci")  # as Debian configures it
        quick = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite")
        return ("mariadbd", "--no-defaults", "--skip-networking", "--max-connections=200", *files, *charset, *quick)

    def url(self, folder: Path, database: str) -> URL:
        return make_url(f"mysql+pymysql://root@/{database}").update_query_dict({"unix_socket": f"{folder}/socket"})


KINDS = {"postgresql": PostgreSQL, "mariadb": MariaDB}


class Servers:
    """The servers of a session by their name, each started when it is first asked for."""

    def __init__(self, until: contextlib.ExitStack) -> None:
        self._until = until
        self._running: dict[str, Server] = {}

    def __getitem__(self, name: str) -> "Server":
        if name not in self._running:
            self._running[name] = self._until.enter_context(serving(name))
        return self._running[name]


def empty(database: Database) -> None:
    """Leave no row behind. To make the tables anew takes a hundred times as long."""
    numbers = [table("sqlite_sequence")] if database.dialect == "sqlite" else []  # which begin with 1 again
    database.write(lambda tx: [tx.execute(delete(rows)) for rows in (*METADATA.sorted_tables, *numbers)])


class HandedClock:
    """Somebody else's clock: that of whose database it is at the moment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> Instant:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()


class Lender:
    """Lends empty databases in memory, again and again.

    To make tables takes longer than most tests, and so does it to compile all statements for a new engine.
    """

    def __init__(self) -> None:
        self._free: list[tuple[Database, HandedClock]] = []

    @contextlib.contextmanager
    def lent(self, clock: Clock) -> Iterator[Database]:
        """Give a database that is of nobody else until this ends, and tells this time."""
        database, handed = self._free.pop() if self._free else self._make(clock)
        handed.clock = clock
        empty(database)
        yield database
        self._free.append((database, handed))  # not after a failure

    @staticmethod
    def _make(clock: Clock) -> tuple[Database, HandedClock]:
        handed = HandedClock(clock)
        database = open_database("sqlite://", clock=handed)
        create_all(database)
        return database, handed


LENDER = Lender()


class Server:
    """A running server. The URLs that it gives are of databases of its own."""

    def __init__(self, kind: PostgreSQL | MariaDB, folder: Path) -> None:
        self._kind = kind
        self._folder = folder

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database, which is dropped in the end."""
        name = f"magnum_{next(_NUMBERS)}"
        self.administer(f"CREATE DATABASE {name}")
        try:
            yield self._kind.url(self._folder, name).render_as_string(hide_password=False)
        finally:
            forced = " WITH (FORCE)" if isinstance(self._kind, PostgreSQL) else ""
            self.administer(f"DROP DATABASE {name}{forced}")

    def administer(self, statement: str) -> None:
        engine = create_engine(self._kind.url(self._folder, self._kind.administration), poolclass=NullPool)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))


@contextlib.contextmanager
def serving(name: str) -> Iterator[Server]:
    """Run a server of this kind as long as it is needed."""
    kind = KINDS[name]()
    user = "nobody" if os.geteuid() == 0 else None
    # A user who is nobody cannot look into pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix=f"magnum-{name}-"))
    log = folder / "log"
    # Debian has mariadbd where only root looks for programs.
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    try:
        if user:
            shutil.chown(folder, user, "nogroup")
        with log.open("ab") as output:
            common = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "cwd": folder}
            as_user = {"user": user, "group": "nogroup", "extra_groups": ()} if user else {}
            everything = common | as_user | {"env": environment}
            subprocess.run(kind.initialise(folder), check=True, timeout=SECONDS, **everything)
            # So that it ends with us, also when we are killed.
            process = subprocess.Popen(["setpriv", "--pdeathsig", kind.stop, *kind.serve(folder)], **everything)
        try:
            _wait(process, log, kind.ready)
            yield Server(kind, folder)
        finally:
            process.send_signal(signal.Signals[f"SIG{kind.stop}"])
            process.wait(SECONDS)
    except subprocess.CalledProcessError as error:
        error.add_note(log.read_text(errors="replace")[-2000:])
        raise
    finally:
        shutil.rmtree(folder)


def _wait(process: "subprocess.Popen[bytes]", log: Path, ready: str) -> None:
    deadline = time.monotonic() + SECONDS
    while ready not in (said := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server has not become ready: {said[-2000:]}")
        time.sleep(0.05)
