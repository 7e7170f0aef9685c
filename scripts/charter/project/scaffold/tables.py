"""Tables and queries as text."""

import re

from charter.project.scaffold.resources import Column, Resource

KEYS = {"UUID": "default=uuid4", "int": "Identity()", "str": "default=lambda: uuid4().hex"}
"""Who makes an identity that nobody has said."""
CHANGED = re.compile(r"updated|modified|changed")


def model(resource: Resource) -> str:
    sql = sorted({column.sql.partition("(")[0] for column in resource.columns} - {"JSONB"})
    columns = "\n".join(map(written, resource.columns))
    return f'''from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Identity, func, {", ".join(sql)}
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Base


class {resource.row}(Base):
    """A row for each member of `{resource.collection}`."""

    __tablename__ = "{resource.module}"

{columns}
'''


def written(column: Column) -> str:
    python = f"{column.python} | None" if column.nullable else column.python
    is_renamed = column.attribute != column.name
    arguments = [f'"{column.name}"'] * is_renamed + [column.sql]
    if column.is_identity:
        arguments += [KEYS[column.python], "primary_key=True"]
    if column.is_time:
        arguments.append("server_default=func.clock_timestamp()")
    if column.default is not None:
        arguments.append(f"default={column.default}")
    return f"    {column.attribute}: Mapped[{python}] = mapped_column({', '.join(arguments)})"


def repository(resource: Resource) -> str:
    row, key, python = resource.row, resource.identifier.name, resource.identifier.python
    times = [column.attribute for column in resource.columns if column.is_time]
    changed = "".join(f", {name}=func.clock_timestamp()" for name in filter(CHANGED.search, times))
    order = [*[name for name in times if not CHANGED.search(name)][:1], key]
    return f'''from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from impl.db.repository import Repository
from impl.models import {row}


class {resource.queries}(Repository[{row}]):
    async def create(self, values: Mapping[str, Any]) -> {row} | None:
        """The new row; None where there is one of this {key}."""
        statement = insert({row}).values(**values).on_conflict_do_nothing()
        return await self.session.scalar(statement.returning({row}))

    async def get(self, {key}: {python}) -> {row} | None:
        return await self.session.get({row}, {key})

    async def page(self, *, limit: int | None = None, offset: int = 0) -> Sequence[{row}]:
        query = select({row}).order_by({", ".join(f"{row}.{name}" for name in order)})
        return (await self.session.scalars(query.limit(limit).offset(offset))).all()

    async def count(self) -> int:
        return await self.session.scalar(select(func.count()).select_from({row})) or 0

    async def change(self, {key}: {python}, values: Mapping[str, Any]) -> {row} | None:
        """The row as it is now; the path says which it is, whatever the body says."""
        others = {{name: value for name, value in values.items() if name != "{key}"}}
        if not others:
            return await self.get({key})
        statement = update({row}).where({row}.{key} == {key}).values(**others{changed})
        return await self.session.scalar(statement.returning({row}))

    async def delete(self, {key}: {python}) -> bool:
        """Whether there was one."""
        statement = delete({row}).where({row}.{key} == {key}).returning({row}.{key})
        return await self.session.scalar(statement) is not None
'''
