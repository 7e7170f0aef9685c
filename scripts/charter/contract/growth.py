"""Makes a list long: copies of one object, in the database of the service under test.

A client can send too few objects to tell a list that reads every row from one that reads a page.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from charter.postgres import Address, databases

KEYS = """
SELECT index.indrelid::regclass::text AS table, quote_ident(attribute.attname) AS column
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indrelid
JOIN pg_attribute AS attribute ON attrelid = class.oid AND attnum = index.indkey[0]
WHERE index.indisunique AND index.indnkeyatts = 1 AND class.relkind = 'r'
  AND class.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
ORDER BY index.indisprimary DESC, 1
"""
"""Where an identifier may stand: the columns that are unique by themselves."""

COLUMNS = """
SELECT quote_ident(attname) AS name, format_type(atttypid, NULL) AS type,
  EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND attnum = ANY (indkey))
  AND NOT EXISTS (
    SELECT FROM pg_constraint
    WHERE conrelid = attrelid AND contype = 'f' AND attnum = ANY (conkey)
  ) AS is_unique
FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

UNIQUE = {
    "uuid": "gen_random_uuid()",
    "bigint": "(SELECT max({name}) FROM {table}) + number",
    "integer": "(SELECT max({name}) FROM {table}) + number",
    "text": "number || {name}",
    "character varying": "number || {name}",
}
"""By type: another value for each copy."""
TIMES = ("timestamp with time zone", "timestamp without time zone")
"""Copies differ in their times, so that an order by one is no sort of equals."""


def copy(address: Address, identity: Any, numbers: range) -> bool:
    """Copy the row that an identifier names, once for each number, which makes it unique.

    Whether it was done: not where no table has the identifier or lets its rows be copied. Raises
    DatabaseUnreachable.
    """
    return asyncio.run(copied(address, str(identity), numbers))


async def copied(address: Address, identity: str, numbers: range) -> bool:
    async with databases.connected(address) as connection:
        for table, key in await connection.fetch(KEYS):
            row = f"FROM {table} WHERE {key}::text = $1"
            if await connection.fetchval(f"SELECT true {row}", identity):
                return await fill(connection, Row(table, key, identity), numbers)
    return False


@dataclass(frozen=True)
class Row:
    """Names are quoted."""

    table: str
    key: str
    identity: str


async def fill(connection: Any, row: Row, numbers: range) -> bool:
    names, values = [], []
    for name, kind, is_unique in await connection.fetch(COLUMNS, row.table):
        names.append(name)
        values.append(value(row.table, name, kind, is_unique=is_unique))
    statement = (
        f"INSERT INTO {row.table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"  # noqa: S608
        f" SELECT {', '.join(values)} FROM {row.table}, generate_series($2::int, $3::int) AS number"
        f" WHERE {row.key}::text = $1"
    )
    try:
        await connection.execute(statement, row.identity, numbers.start, numbers[-1])
    except asyncpg.PostgresError:
        return False
    await connection.execute(f"ANALYZE {row.table}")
    return True


def value(table: str, name: str, kind: str, *, is_unique: bool) -> str:
    """The expression of a copy's column."""
    if is_unique:
        return UNIQUE.get(kind, name).format(table=table, name=name)
    return f"{name} - number * interval '1 second'" if kind in TIMES else name
