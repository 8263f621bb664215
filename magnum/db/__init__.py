"""The only place that knows SQL: tables, transactions, one module of queries per resource, migrations.

Every query is a function whose first argument is `tx`, the connection that `Database.read` or `Database.write` hands
to the function it runs. Structs of `magnum.model` go in and come out; no row of SQLAlchemy's leaves this package.
"""
