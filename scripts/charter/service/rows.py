"""Rows of asyncpg as what a statement selects: instances of a mapped class, or values."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, Column, Dialect, FromClause
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Process = Callable[[Any], Any]
Load = Callable[[asyncpg.Record], Any]


class Unsupported(TypeError):
    """The statement, or the class that it selects, needs SQLAlchemy's own session."""


class Loader:
    """Loads the rows of one statement, whose columns have these types (OIDs of PostgreSQL)."""

    def __init__(self, statement: Any, compiler: SQLCompiler, types: Sequence[int]) -> None:
        """Raises Unsupported."""
        self.parts = list(parts(statement, compiler, types))
        self.is_plain = all(isinstance(part, itemgetter) for part in self.parts)

    def first(self, record: asyncpg.Record) -> Any:
        """The first thing that the statement selects."""
        return self.parts[0](record)

    def row(self, record: asyncpg.Record) -> tuple[Any, ...]:
        """All that it selects."""
        return tuple(record) if self.is_plain else tuple([part(record) for part in self.parts])


def parts(statement: Any, compiler: SQLCompiler, types: Sequence[int]) -> Iterator[Load]:
    """How to load each thing that the statement selects, in its order. Raises Unsupported."""
    processors = column_processors(compiler, types)
    entities = selected(statement)
    if not any(entities):
        yield from map(value_loader, range(len(types)), processors)
        return
    results = compiler._result_columns
    widths = [1 if entity is None else len(entity.column_attrs) for entity in entities]
    if sum(widths) != len(results):  # SQLAlchemy asks once for a column that is selected twice
        raise Unsupported(
            "Beside a mapped class, select other columns than its own, or label them."
        )
    index = 0
    for entity, width in zip(entities, widths, strict=True):
        if entity is None:
            yield value_loader(index, processors[index])
        else:
            whole = slice(index, index + width)
            keys = [column_key(result.objects) for result in results[whole]]
            yield entity_loader(entity, keys, processors[whole], index)
        index += width


def selected(statement: Any) -> list[Mapper[Any] | None]:
    """The mapper of each mapped class among what is selected, None for anything else."""
    columns = getattr(statement, "_raw_columns", None) or getattr(statement, "_returning", ())
    return [
        column._annotations.get("parentmapper") if isinstance(column, FromClause) else None
        for column in columns or ()
    ]


def column_key(origins: Sequence[Any]) -> str:
    """The key of a column in its table, whatever it is called among others of its name."""
    return next(origin.key for origin in origins if isinstance(origin, Column))


def column_processors(compiler: SQLCompiler, types: Sequence[int]) -> list[Process | None]:
    dialect = compiler.dialect
    declared = [result.type for result in compiler._result_columns]
    if len(declared) != len(types):  # a text
        return [None] * len(types)
    return [
        None if is_plain_array(type_, dialect) else result_processor(type_, dialect, oid)
        for type_, oid in zip(declared, types, strict=True)
    ]


def result_processor(type_: TypeEngine[Any], dialect: Dialect, oid: object) -> Process | None:
    return type_.dialect_impl(dialect).result_processor(dialect, oid)


def is_plain_array(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    """Whether its elements are what the driver makes of them: SQLAlchemy would copy the list."""
    if not isinstance(type_, ARRAY) or type_.as_tuple:
        return False
    return result_processor(type_.item_type, dialect, None) is None


def value_loader(index: int, process: Process | None) -> Load:
    take = itemgetter(index)
    return take if process is None else lambda record: process(take(record))


def entity_loader(
    mapper: Mapper[Any], columns: Sequence[str], processors: Sequence[Process | None], begin: int
) -> Load:
    """Instances as a session would load them, but for that they belong to none.

    None where the row has no such instance: an outer join leaves its columns empty.
    """
    if mapper.inherits is not None or mapper.polymorphic_on is not None:
        raise Unsupported(f"{mapper.class_.__name__} is part of a hierarchy of mapped classes.")
    table: Any = mapper.local_table
    names = [mapper.get_property_by_column(table.c[key]).key for key in columns]
    keys = [columns.index(key.key) for key in mapper.primary_key]
    whole = slice(begin, begin + len(names))
    processed = [(index, process) for index, process in enumerate(processors) if process]
    new_instance = mapper.class_manager.new_instance
    base = mapper.class_
    absent = (None,) * len(keys)

    def load(record: asyncpg.Record) -> Any:
        values: Sequence[Any] = record[whole]
        if processed:
            values = list(values)
            for index, process in processed:
                values[index] = process(values[index])
        identity = tuple([values[key] for key in keys])
        if identity == absent:
            return None
        row = new_instance()
        row.__dict__.update(zip(names, values, strict=True))
        row._sa_instance_state.key = (base, identity, None)
        return row

    return load
