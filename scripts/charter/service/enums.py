"""Types of enumerations in migrations: made before the first column that has one, dropped last.

Alembic leaves that to SQLAlchemy, which makes a type for a new table, whether or not it is there,
and none for a new column.
"""

from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from alembic.operations import MigrationScript, ops
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine


def manage_enums(script: MigrationScript, connection: sa.Connection) -> None:
    """Let the migration make those types of its columns that the database lacks, and no others."""
    if script.upgrade_ops is None or script.downgrade_ops is None:
        return
    columns = {id(one): one for one in columns_in(script.upgrade_ops, script.downgrade_ops)}
    for column in columns.values():
        column.type = unmade(column.type)
    inspector = cast(postgresql.base.PGInspector, sa.inspect(connection))
    present = {(one["schema"], one["name"]) for one in inspector.get_enums("*")}
    default = inspector.default_schema_name
    new = {
        enum.name: enum
        for column in columns_in(script.upgrade_ops)
        if (enum := enum_of(column.type)) and (enum.schema or default, enum.name) not in present
    }
    script.upgrade_ops.ops[:0] = [executed(postgresql.CreateEnumType(one)) for one in new.values()]
    script.downgrade_ops.ops += [executed(postgresql.DropEnumType(one)) for one in new.values()]


def columns_in(*operations: ops.OpContainer) -> Iterator[sa.Column[Any]]:
    """The columns that the operations make."""
    for operation in (one for container in operations for one in container.ops):
        match operation:
            case ops.CreateTableOp(columns=columns):
                yield from (one for one in columns if isinstance(one, sa.Column))
            case ops.AddColumnOp(column=column):
                yield column
            case ops.OpContainer():
                yield from columns_in(operation)


def enum_of(kind: TypeEngine[Any]) -> postgresql.ENUM | None:
    """The enumeration of a column's values, or of the elements of its arrays."""
    item = kind.item_type if isinstance(kind, sa.ARRAY) else kind
    return item if isinstance(item, postgresql.ENUM) else None


def unmade(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The same type, which no column makes."""
    if isinstance(kind, sa.ARRAY):
        return cast(TypeEngine[Any], type(kind)(unmade(kind.item_type), dimensions=kind.dimensions))
    if isinstance(kind, sa.Enum) and kind.native_enum:
        return postgresql.ENUM(*kind.enums, name=kind.name, schema=kind.schema, create_type=False)
    return kind


def executed(statement: sa.DDLElement) -> ops.ExecuteSQLOp:
    return ops.ExecuteSQLOp(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]
