"""Which databases of the existing service we take over as they are.

Such a database says in `alembic_version` how far it is; that table is read and never written, so that its owner can
go back. We add what is missing to any of the known revisions from ADOPTABLE_FROM on. Older ones lack node groups, which
the existing service's own migrations make out of the clusters: those must run first. An unknown one may mean anything.
"""

from sqlalchemy import Connection, inspect, text

from magnum.db.errors import DbError
from magnum.db.tables import ADOPTED

VERSION_TABLE = "magnum_alembic_version"
THEIR_VERSION_TABLE = "alembic_version"

# In order, oldest first.
_KNOWN = """
    2581ebaf0cb2 3bea56f25597 5793cd26898d 3a938526b35d 35cff7c86221 1afee1db6cd0 2d1354bbf76e 29affeaa2bc2
    2ace4006498 456126c6c9e9 4ea34a59a64c e772b2598d9 2d8657c0cdc 4956f03cabad 592131657ca1 3b6c4c42adb4
    2b5f24dd95de 59e7664a8ba1 156ceb17fb0a 1c1ff5e56048 53882537ac57 14328d6a57e3 421102d1f2d2 6f21dc998bb
    966a99e70ff 6f21dc920bb 5518af8dbc21 4e263f236334 3be65537a94a 1481f5b560dd 1d045384b966 27ad304554e2
    5ad410481b88 2ae93c9c6191 33ef79969018 417917e778f5 5977879072a7 40f325033343 adc3b7679ae 57fbdf2327a2
    05d3e97de9ee bb42b7cad130 5d4caa6e0a42 ee92b41b8809 049f81f6f584 e647f5931da8 ef08a5e057bd d072f58ab240
    a1136d335540 085e601a39f6 68ce16dfd341 e0653b2d5271 1f196a3dabae 859fb45df249 b1f612248cab fcb4efee8f8b
    fb03fdef8919 720f640f43d1 bc46ba6cf949 aa0cc27839af a0e7c8450ab1 52bcaf58fecb 04c625aa95ba 041d9a0f1159
    9a1539f1cd2c cbbc65a86986 87e62e3c7abc ac92cbae311c 461d798132c7 47380964133d c04e925e65c2 95096e2334ee
    f1d8b0ab8b8d 7da8489d6a68 c0f832afc4fd d7e6a4d39fe4 b3e1cf4a2d5e
"""
KNOWN = tuple(_KNOWN.split())
ADOPTABLE_FROM = "c04e925e65c2"


class AdoptionRefused(DbError):  # noqa: N818  what it says
    """The database is not one that we may add to."""


def theirs(tx: Connection) -> str | None:
    """Give the revision of the existing service's schema, if there is one."""
    if THEIR_VERSION_TABLE not in inspect(tx).get_table_names():
        return None
    found = tx.execute(text(f"SELECT version_num FROM {THEIR_VERSION_TABLE}")).scalars().all()  # noqa: S608  a constant
    return ", ".join(found) or None


def refuse_strange(tx: Connection) -> None:
    """Refuse a database that is neither empty, nor ours, nor one that we know how to take over."""
    tables = set(inspect(tx).get_table_names())
    revision = theirs(tx)
    if revision in KNOWN[KNOWN.index(ADOPTABLE_FROM) :]:
        return
    if revision in KNOWN:
        raise AdoptionRefused(
            f"The database is at revision {revision} of the existing service, which is older than {ADOPTABLE_FROM} "
            "(release 10): upgrade it with a release from 10 to 22 of that service first."
        )
    if revision is not None:
        raise AdoptionRefused(
            f"The database is at revision {revision} of the existing service, which this release does not know: "
            "it is not touched. Use a newer release of ours."
        )
    present = sorted(table.name for table in ADOPTED if table.name in tables)
    if present and VERSION_TABLE not in tables:
        raise AdoptionRefused(
            f"The database has a table {present[0]} but no row in {THEIR_VERSION_TABLE} that says which release made "
            "it: it is not touched. Restore that table, or give an empty database."
        )
