"""SQLAlchemy's statements, compiled once, and how their rows become what they select.

A statement says in Python what is asked; asyncpg takes a text and a list of arguments. What lies
between is worked out once for each shape of a statement, and not again for each request.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import BindParameter, Interval, bindparam, insert, update
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

from .rows import Loader, Process, Unsupported

MOST_KEPT = 500
"""Shapes of statements that are built for each request; those used last are kept compiled."""

Arguments = ParamSpec("Arguments")
Built = TypeVar("Built", covariant=True)


class Compiled:
    """The text of a statement, where its arguments stand, and how its rows are loaded."""

    def __init__(self, statement: Any, dialect: Dialect, cache_key: Any = None) -> None:
        """Raises Unsupported."""
        if getattr(statement, "_with_options", ()):
            raise Unsupported("A statement with loader options needs SQLAlchemy's own session.")
        self.statement = statement
        self.dialect = dialect
        self.compiler: SQLCompiler = statement.compile(
            dialect=dialect, cache_key=cache_key, column_keys=[]
        )
        if not self.compiler._ordered_columns:
            raise Unsupported("A text has to declare its columns in order, not by their names.")
        self.sql = str(self.compiler)
        processors: Mapping[str, Process] = self.compiler._bind_processors
        self.processors = processors
        self.slots = [(name, processors.get(name)) for name in self.compiler.positiontup or ()]
        self.defaults = dict(defaults_of(self.compiler))
        self.constants = self.compiler.construct_params(_check=False)
        self.is_expanding = bool(self.compiler.post_compile_params)
        self.loader: Loader | None = None

    def ready(self, given: Mapping[str, Any]) -> "Ready":
        """With these values of its parameters; the lists of an IN are written into the text."""
        values = {**self.constants, **given}
        for name, default in self.defaults.items():
            values[name] = default()
        if self.is_expanding:
            return self._expanded(values)
        arguments = [
            values[name] if process is None else process(values[name])
            for name, process in self.slots
        ]
        return Ready(self, self.sql, arguments)

    def _expanded(self, values: Mapping[str, Any]) -> "Ready":
        expanded = self.compiler.construct_expanded_state(values)
        processors = {**self.processors, **expanded.processors}
        arguments = [
            processors.get(name, unchanged)(expanded.parameters[name])
            for name in expanded.positiontup or ()
        ]
        return Ready(self, expanded.statement, arguments)

    async def describe(self, connection: asyncpg.Connection, sql: str) -> Loader:
        """How rows are loaded. PostgreSQL is asked once for the types of their columns."""
        prepared = await connection.prepare(sql)
        types = [attribute.type.oid for attribute in prepared.get_attributes()]
        self.loader = Loader(self.statement, self.compiler, types)
        return self.loader


@dataclass(frozen=True, slots=True)
class Ready:
    """A statement with its arguments, as asyncpg takes them."""

    compiled: Compiled
    sql: str
    arguments: Sequence[Any]


def unchanged(value: Any) -> Any:
    return value


def defaults_of(compiler: SQLCompiler) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The values that Python gives to columns of which the statement says nothing."""
    inserted = ((column, column.default) for column in compiler.insert_prefetch)
    updated = ((column, column.onupdate) for column in compiler.update_prefetch)
    for column, default in (*inserted, *updated):
        yield compiler._within_exec_param_key_getter(column), value_of(default)


def value_of(default: Any) -> Callable[[], Any]:
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)


# -- statements that are declared -----------------------------------------------------------------


class Declared(Generic[Arguments, Built]):
    """A statement as a function of its arguments, which is called once for each of its shapes.

    The function gets a placeholder for each argument, a mapping of placeholders for a mapping, and
    None for one that is None. Which of them are None, the names in mappings and the values of those
    that are structural make a shape. Each shape is compiled when it is first used.
    """

    def __init__(self, build: Callable[Arguments, Built], structural: Sequence[str]) -> None:
        self.build = build
        self.signature = inspect.signature(build)
        self.names = tuple(self.signature.parameters)
        self.structural = structural
        self.values = {name: f"given_{name}" for name in self.names if name not in structural}
        """The arguments to their placeholders, which may not be called like a column."""
        self.shapes: LRUCache[Any, Compiled] = LRUCache(MOST_KEPT)

    def __call__(self, *arguments: Arguments.args, **named: Arguments.kwargs) -> "Given[Built]":
        if not named and len(arguments) == len(self.names):  # which needs no time
            return Given(self, dict(zip(self.names, arguments, strict=True)))
        bound = self.signature.bind(*arguments, **named)
        bound.apply_defaults()
        return Given(self, bound.arguments)

    def ready(self, values: Mapping[str, Any], dialect: Dialect) -> Ready:
        shape = (
            *[values[name] for name in self.structural],
            *[outline(values[name]) for name in self.values],
        )
        if (compiled := self.shapes.get(shape)) is None:
            compiled = self.shapes[shape] = Compiled(self._built(values), dialect)
        given = {}
        for name, called in self.values.items():
            if isinstance(value := values[name], dict):  # no argument has a hyphen in its name
                given.update({f"{called}-{member}": value[member] for member in value})
            else:
                given[called] = value
        return compiled.ready(given)

    def _built(self, values: Mapping[str, Any]) -> Built:
        build: Callable[..., Built] = self.build
        return build(**{name: self._placeholder(name, values[name]) for name in self.names})

    def _placeholder(self, name: str, value: Any) -> BindParameter[Any] | Any:
        """It takes its type from the column beside it; a span of time has none beside it."""
        if value is None or name in self.structural:
            return value
        if isinstance(value, dict):
            return {member: bindparam(f"{self.values[name]}-{member}") for member in value}
        type_ = Interval() if isinstance(value, timedelta) else None
        return bindparam(self.values[name], type_=type_)


def outline(value: Any) -> Any:
    """What of an argument belongs to the shape of its statement."""
    return tuple(value) if isinstance(value, dict) else value is None


class Given(Generic[Built]):
    """A declared statement with the arguments of one run."""

    __slots__ = ("declared", "values")

    def __init__(self, declared: Declared[..., Built], values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.values = values


def statement(
    *structural: str,
) -> Callable[[Callable[Arguments, Built]], Declared[Arguments, Built]]:
    """Declares a statement that is compiled once; `Declared` says what its function gets.

    `structural` are the arguments that decide what is asked, an order say, and are no values of
    the database. Each has a closed set of values, which bounds what is kept.
    """
    return lambda build: Declared(build, structural)


# -- statements of any kind -----------------------------------------------------------------------


class Statements:
    """Makes statements ready for one engine, and keeps the latest of them compiled."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.kept: LRUCache[Any, Compiled] = LRUCache(MOST_KEPT)

    def ready(self, asked: Any) -> Ready:
        """A declared statement, or a plain one. Raises Unsupported."""
        if isinstance(asked, Given):
            return asked.declared.ready(asked.values, self.dialect)
        key = asked._generate_cache_key()
        if key is None:
            return Compiled(asked, self.dialect).ready({})
        compiled = self._kept(key.key, lambda: Compiled(asked, self.dialect, key))
        values = compiled.compiler.construct_params(extracted_parameters=key.bindparams)
        return compiled.ready(values)

    def insertion(self, mapper: Mapper[Any], values: Mapping[str, Any]) -> Ready:
        """Inserts a row of which these attributes are given, and returns all of it."""

        def compiled() -> Compiled:
            inserted = insert(mapper.class_).values(placeholders(mapper, values))
            return Compiled(inserted.returning(mapper.class_), self.dialect)

        kept = self._kept((insert, mapper, *values), compiled)
        return kept.ready({f"given_{name}": value for name, value in values.items()})

    def change(
        self, mapper: Mapper[Any], identity: Sequence[Any], values: Mapping[str, Any]
    ) -> Ready:
        """Updates these attributes of one row, and returns all of it."""
        keys = {f"key_{column.key}": column for column in mapper.primary_key}

        def compiled() -> Compiled:
            is_row = [column == bindparam(name) for name, column in keys.items()]
            changed = update(mapper.class_).where(*is_row).values(placeholders(mapper, values))
            return Compiled(changed.returning(mapper.class_), self.dialect)

        kept = self._kept((update, mapper, *values), compiled)
        given = {f"given_{name}": value for name, value in values.items()}
        return kept.ready({**given, **dict(zip(keys, identity, strict=True))})

    def _kept(self, key: Any, compiled: Callable[[], Compiled]) -> Compiled:
        if (found := self.kept.get(key)) is None:
            found = self.kept[key] = compiled()
        return found


def placeholders(mapper: Mapper[Any], names: Iterable[str]) -> dict[Any, BindParameter[Any]]:
    """By the attributes of these names."""
    return {getattr(mapper.class_, name): bindparam(f"given_{name}") for name in names}
