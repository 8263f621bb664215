"""[database]: where everything is kept. Other options of oslo.db in this section are ignored."""

from typing import Annotated

import msgspec

from .default import PACKAGE
from .options import Option


class Database(msgspec.Struct, frozen=True, kw_only=True):
    connection: Annotated[
        str,
        Option(
            "URL of the database: sqlite:///<file>, postgresql+psycopg://… or mysql+pymysql://….",
            default="sqlite:///$state_path/magnum.sqlite",
            secret=True,
        ),
    ] = f"sqlite:///{PACKAGE}/magnum.sqlite"
    mysql_engine: Annotated[str, Option("Table engine on MySQL and MariaDB.")] = "InnoDB"
    max_pool_size: Annotated[
        int,
        Option(
            "Connections that one process keeps at most for reading, and on a server as many for writing; "
            "work waits for a free one.",
            minimum=1,
        ),
    ] = 10

    def __repr__(self) -> str:
        return "Database(…)"
