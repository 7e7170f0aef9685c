"""What Alembic finds between the models and the migrations: in words, and fit to run on rows."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

NUMBERS = (sa.Integer, sa.Numeric, sa.Float)
TIMES = (sa.DateTime, sa.Date, sa.Time)
VALUES: tuple[tuple[type[Any] | tuple[type[Any], ...], str], ...] = (
    (sa.Boolean, "false"),
    (NUMBERS, "0"),
    (sa.DateTime, "now()"),
    (sa.Date, "current_date"),
    (sa.Time, "'00:00'"),
    ((sa.Interval, postgresql.INTERVAL), "'0'"),
    (sa.Uuid, "gen_random_uuid()"),
    ((sa.ARRAY, sa.JSON), "'{}'"),
    ((sa.String, sa.LargeBinary), "''"),
)
"""What a required column of each type gets in the rows that are there, as SQL."""

CHOOSE = "The rows that are there get this value in {column}: choose the right one."
CONVERT = "The rows that are there are converted so: see that it suits {column}."
CHANGING = "This may change values of the rows that are there: see that it suits {column}."
MISSING = "No value suits every row: give the rows that are there one in {column} here."

quoted = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


class Remark(ops.MigrateOperation):
    """A comment in a migration, for whoever reads it before it runs."""

    def __init__(self, text: str) -> None:
        self.text = text


@renderers.dispatch_for(Remark)
def rendered(context: AutogenContext, remark: Remark) -> str:
    return f"# {remark.text}"


def fit_for_rows(operations: ops.OpContainer) -> None:
    """Let each column that becomes required be filled first, and one of a new type be converted."""
    for table in operations.ops:
        if isinstance(table, ops.ModifyTableOps):
            table.ops = [step for operation in table.ops for step in steps(operation)]


def steps(operation: ops.MigrateOperation) -> Iterator[ops.MigrateOperation]:
    match operation:
        case ops.AddColumnOp(column=column) if not column.nullable and not column.server_default:
            optional = sa.Column(column.name, column.type, comment=column.comment)
            yield ops.AddColumnOp(operation.table_name, optional, schema=operation.schema)
            yield from filling(operation, column.name, None if is_unique(column) else column.type)
            yield ops.AlterColumnOp(
                operation.table_name,
                column.name,
                schema=operation.schema,
                existing_type=column.type,
                modify_nullable=False,
            )
        case ops.AlterColumnOp(modify_type=TypeEngine()) if value := converted(operation):
            yield from converting(operation, value)
            operation.existing_type, operation.modify_type = operation.modify_type, None
            if operation.has_changes():
                yield from steps(operation)
        case ops.AlterColumnOp(column_name=column, existing_type=old, modify_type=new):
            if operation.modify_nullable is False:
                yield from filling(operation, column, new or old)
            if new is not None and may_change(stored(old), stored(new)):
                yield Remark(CHANGING.format(column=column))
            yield operation
        case _:
            yield operation


def is_unique(column: sa.Column[Any]) -> bool:
    """Whether rows can't all have the same value, or only one that another table has."""
    return bool(column.foreign_keys or column.unique or column.primary_key)


def filling(
    operation: ops.AlterTableOp, column: str, kind: TypeEngine[Any] | None
) -> Iterator[ops.MigrateOperation]:
    """The rows' value; a request for one where `kind` is None or has none that suits."""
    value = kind and value_of(kind)
    if value is None:
        yield Remark(MISSING.format(column=column))
        return
    yield Remark(CHOOSE.format(column=column))
    table, name = table_of(operation), quoted(column)
    statement = f"UPDATE {table} SET {name} = {value} WHERE {name} IS NULL"  # noqa: S608 - quoted
    yield ops.ExecuteSQLOp(statement)


def table_of(operation: ops.AlterTableOp) -> str:
    return ".".join(map(quoted, filter(None, (operation.schema, operation.table_name))))


def converting(operation: ops.AlterColumnOp, value: str) -> Iterator[ops.MigrateOperation]:
    """Alembic writes no USING."""
    yield Remark(CONVERT.format(column=operation.column_name))
    change = f"ALTER COLUMN {quoted(operation.column_name)} TYPE {sql(operation.modify_type)}"
    yield ops.ExecuteSQLOp(f"ALTER TABLE {table_of(operation)} {change} USING {value}")


def converted(operation: ops.AlterColumnOp) -> str | None:
    """The value of a row in the new type, as SQL; None where PostgreSQL finds it by itself, or
    where there is none."""
    name = quoted(operation.column_name)
    old, new = stored(operation.existing_type), stored(operation.modify_type)
    if isinstance(old, sa.JSON) and is_text(new):
        return f"{name} #>> '{{}}'"
    if is_text(new) or type(old) is type(new):
        return None
    if isinstance(new, sa.JSON):
        return None if isinstance(old, sa.JSON) else f"to_jsonb({name})"
    if isinstance(old, sa.JSON):
        return f"({name} #>> '{{}}')::{sql(new)}"
    if isinstance(old, sa.String):
        return f"{name}::text::{sql(new)}"
    if isinstance(old, sa.Boolean) and isinstance(new, NUMBERS):
        return f"{name}::integer"
    if isinstance(new, sa.Boolean) and isinstance(old, NUMBERS):
        return f"{name} <> 0"
    return None


def may_change(old: Any, new: Any) -> bool:
    """Whether PostgreSQL converts values by itself and may round, cut or move them.

    Where a value only may not fit, the migration fails, and nothing is lost.
    """
    if isinstance(old, TIMES) and isinstance(new, TIMES):
        return not (isinstance(old, sa.Date) and isinstance(new, sa.DateTime))
    if not (isinstance(old, NUMBERS) and isinstance(new, NUMBERS)):
        return False
    if isinstance(new, sa.Integer):
        return not isinstance(old, sa.Integer)
    if isinstance(new, sa.Float):
        return not (isinstance(old, sa.Float) and isinstance(new, sa.Double))
    if isinstance(old, sa.Numeric):
        is_finer = old.scale is None or old.scale > (new.scale or 0)
        return new.precision is not None and is_finer
    return isinstance(old, sa.Float)


def is_text(kind: Any) -> bool:
    """Whether PostgreSQL turns any value into one by itself: an enumeration is no such type."""
    return isinstance(kind, sa.String) and not (isinstance(kind, sa.Enum) and kind.native_enum)


def sql(kind: Any) -> str:
    return str(kind.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def stored(kind: Any) -> Any:
    """The type that PostgreSQL has for one that Python adds something to."""
    return kind.impl_instance if isinstance(kind, sa.TypeDecorator) else kind


def value_of(kind: TypeEngine[Any]) -> str | None:
    kind = stored(kind)
    if isinstance(kind, sa.Enum):
        return f"'{kind.enums[0]}'"
    return next((value for kinds, value in VALUES if isinstance(kind, kinds)), None)


# -- in words -------------------------------------------------------------------------------------


def differences(operations: ops.OpContainer) -> Iterator[str]:
    """What the models have and the migrations have not, a sentence each."""
    for operation in operations.ops:
        if isinstance(operation, ops.OpContainer):
            yield from differences(operation)
        else:
            yield f"The models {words(operation)}."


REMOVALS = (ops.DropTableOp, ops.DropColumnOp, ops.DropIndexOp, ops.DropConstraintOp)


def words(operation: ops.MigrateOperation) -> str:
    if isinstance(operation, ops.AlterColumnOp):
        column = f"{operation.table_name}.{operation.column_name}"
        return f"change the column {column}: {', '.join(changes(operation))}"
    return f"{'remove' if isinstance(operation, REMOVALS) else 'add'} {subject(operation)}"


def subject(operation: ops.MigrateOperation) -> str:
    match operation:
        case ops.CreateTableOp() | ops.DropTableOp():
            return f"the table {operation.table_name}"
        case ops.AddColumnOp():
            return f"the column {operation.table_name}.{operation.column.name}"
        case ops.DropColumnOp():
            return f"the column {operation.table_name}.{operation.column_name}"
        case ops.CreateIndexOp() | ops.DropIndexOp():
            return f"the index {operation.index_name} of {operation.table_name}"
        case ops.DropConstraintOp():
            return f"the constraint {operation.constraint_name} of {operation.table_name}"
        case ops.AddConstraintOp():
            constraint = operation.to_constraint()
            return f"the constraint {constraint.name} of {constraint.table.name}"
        case _:
            return str(operation.to_diff_tuple())


def changes(operation: ops.AlterColumnOp) -> Iterator[str]:
    if operation.modify_type is not None:
        yield f"its type is {operation.modify_type}, not {operation.existing_type}"
    if operation.modify_nullable is not None:
        yield "it is optional" if operation.modify_nullable else "it is required"
    if operation.modify_server_default is not False:
        yield "its server_default is another"
    if operation.modify_comment is not False:
        yield "its comment is another"
