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
    "bigint": "(SELECT max({name}) FROM {table}) + charter_number",
    "integer": "(SELECT max({name}) FROM {table}) + charter_number",
    "text": "charter_number || {name}",
    "character varying": "charter_number || {name}",
}
"""By type: another value for each copy."""
TIMES = ("timestamp with time zone", "timestamp without time zone")
"""Copies differ in their times, so that an order by one is no sort of equals."""


READ = """
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_user_tables WHERE relid = $1::text::regclass
"""


@dataclass(frozen=True)
class Row:
    """The row of an object; the names are quoted."""

    address: Address
    table: str
    key: str
    identity: str

    @classmethod
    def of(cls, address: Address, identity: Any) -> "Row | None":
        """That which an identifier names. Raises DatabaseUnreachable."""
        return asyncio.run(found(address, str(identity)))

    def copy(self, numbers: range) -> bool:
        """Add a copy for each number, which makes unique what is unique.

        Whether the table admits copies. Raises DatabaseUnreachable.
        """
        return asyncio.run(copied(self, numbers))

    def read(self) -> int:
        """How many rows of the table have been read so far, as PostgreSQL counts them.

        A connection tells what it has read after its queries, once a second.
        """
        return asyncio.run(counted(self))


async def found(address: Address, identity: str) -> Row | None:
    async with databases.connected(address) as connection:
        for table, key in await connection.fetch(KEYS):
            row = Row(address, table, key, identity)
            if await connection.fetchval(f"SELECT true {selected(row)}", identity):
                return row
    return None


def selected(row: Row) -> str:
    return f"FROM {row.table} WHERE {row.key}::text = $1"


async def counted(row: Row) -> int:
    async with databases.connected(row.address) as connection:
        return int(await connection.fetchval(READ, row.table))


async def copied(row: Row, numbers: range) -> bool:
    async with databases.connected(row.address) as connection:
        names, values = [], []
        for name, kind, is_unique in await connection.fetch(COLUMNS, row.table):
            names.append(name)
            values.append(value(row.table, name, kind, is_unique=is_unique))
        statement = (
            f"INSERT INTO {row.table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"  # noqa: S608
            f" SELECT {', '.join(values)}"
            f" FROM generate_series($2::int, $3::int) AS charter_number, LATERAL"
            f" (SELECT * {selected(row)}) AS original"
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
    return f"{name} - charter_number * interval '1 second'" if kind in TIMES else name
