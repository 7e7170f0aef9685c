"""What a mock remembers at first: rows by collection, judged by the document.

```yaml
/pets:
- {id: 1, name: Rex}
/users/7/posts: []
```
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.document import DocumentError
from charter.document.source import load
from charter.mock.memory import MOST, Resource, Stored
from charter.mock.memory.remembering import Object, Remembering, shown_members
from charter.runtime import paths as templates
from charter.runtime.references import tokens

Collections = dict[str, Stored]


class NotSeeded(Exception):
    """Rows that the document refuses; `path` leads to what is at fault."""

    def __init__(self, path: tuple[str, ...], detail: str) -> None:
        super().__init__(detail)
        self.path = path


def read(file: Path, remembering: Remembering) -> Collections:
    """Raises DocumentError, with the line at fault, or NoDocument."""
    source = load(file)
    try:
        return collections(source.content, remembering)
    except NotSeeded as error:
        raise DocumentError(source.place(error.path), str(error)) from None


def collections(content: Any, remembering: Remembering) -> Collections:
    """Raises NotSeeded."""
    if not isinstance(content, Mapping):
        raise NotSeeded((), "Write an object with a list of rows for each collection: `/pets: []`.")
    return {str(path): stored(str(path), rows, remembering) for path, rows in content.items()}


def stored(path: str, rows: Any, remembering: Remembering) -> Stored:
    resource = resource_at(path, remembering)
    if resource is None:
        known = sorted({one.collection for one in remembering.resources.values()})
        said = f"it has {', '.join(known)}" if known else "it has none"
        raise NotSeeded((path,), f"The document has no collection {path}: {said}.")
    if not isinstance(rows, list) or len(rows) > MOST:
        raise NotSeeded((path,), f"{path} is not a list of at most {MOST} rows.")
    made: Stored = OrderedDict()
    for index, row in enumerate(rows):
        where = (path, str(index))
        member = member_of(row, resource, remembering, made, where)
        identity = str(member[resource.identifier])
        if identity in made:
            raise NotSeeded(where, f"There is {resource.identifier} {identity} twice in {path}.")
        made[identity] = member
    return made


def resource_at(path: str, remembering: Remembering) -> Resource | None:
    """The resource of the most specific collection whose path it is."""
    by_path = {one.collection: one for one in remembering.resources.values()}
    fitting = (known for known in by_path if templates.pattern(known).fullmatch(path))
    return next((by_path[known] for known in templates.ordered(fitting)), None)


def member_of(
    row: Any,
    resource: Resource,
    remembering: Remembering,
    others: Stored,
    where: tuple[str, ...],
) -> Object:
    """The row as the member's operation shows it; what it leaves out is that of the example."""
    shown = f"{resource.shown.method} {resource.shown.path}"
    if not isinstance(row, dict):
        raise NotSeeded(where, f"A row is an object, as {shown} shows one.")
    view = remembering.view_of_member(resource)
    for name in row.keys() - shown_members(resource.envelope.shape, row).keys():
        raise NotSeeded((*where, name), f"{shown} shows no {name}.")
    wanted = dict(row)
    if resource.identifier not in row:
        candidates = remembering.identities.candidates(resource, row, others)
        made = ({**row, resource.identifier: one} for one in candidates)
        wanted = next((one for one in made if view.admits({**view.base, **one})), wanted)
    for member in (wanted, {**view.base, **wanted}):
        if view.admits(member):
            return member
    body = json.dumps(view.around({**view.base, **wanted})).encode()
    fault = next(view.content.faults(body))
    inside = tokens(fault.pointer)[1 if view.envelope.name else 0 :]
    raise NotSeeded((*where, *inside), f"{'/'.join(('', *inside))} {fault.detail}, says {shown}.")
