"""Defaults in the models: each is of its member's type, and says what the document says."""

import sys
from datetime import date
from importlib import import_module
from pathlib import Path
from uuid import UUID

import pytest

from charter.generate import command
from charter.generate.defaults import with_validated_defaults

DOCUMENT = """\
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /gradients:
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Gradient'}}}}
      responses: {'204': {description: Drawn.}}
components:
  schemas:
    Stop: {type: object, properties: {at: {type: number}}}
    Kind: {type: string, enum: [linear, radial]}
    Gradient:
      type: object
      properties:
        stops:
          type: array
          items: {$ref: '#/components/schemas/Stop'}
          default: [{at: 0}, {at: 1}]
        first: {$ref: '#/components/schemas/Stop', default: {at: 0}}
        last: {$ref: '#/components/schemas/Stop', default: {}}
        kind: {anyOf: [{$ref: '#/components/schemas/Kind'}, {type: 'null'}], default: radial}
        steps: {type: array, items: {type: integer}, default: [2.0]}
        made: {type: string, format: date, default: '2020-01-01'}
        author: {type: string, format: uuid, default: 00000000-0000-0000-0000-000000000000}
        name: {type: string, default: Sunset}
        never: {type: integer, default: none}
        wrong: {type: string, format: date, default: yesterday}
"""


def test_a_default_is_of_the_type_of_its_member(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    assert command.run(document=tmp_path / "openapi.yaml", out=tmp_path / "gradients") == 0
    sys.path.insert(0, str(tmp_path))
    try:
        schemas = import_module("gradients.schemas")
    finally:
        sys.path.remove(str(tmp_path))

    made = schemas.Gradient()

    assert made.stops == [schemas.Stop(at=0), schemas.Stop(at=1)]
    assert (made.first, made.last) == (schemas.Stop(at=0), schemas.Stop())
    assert (made.kind, made.steps, made.name) == (schemas.Kind.RADIAL, [2], "Sunset")
    assert (made.made, made.author) == (date(2020, 1, 1), UUID(int=0))
    assert (made.never, made.wrong) == (None, None)  # what the schema itself refuses is no default
    assert made.model_dump(exclude_unset=True) == {}


@pytest.mark.parametrize(
    "member",
    [
        "x: int | None = None",
        "x: list[Stop] = []",
        "x: dict[str, Stop] = {}",
        "x: Annotated[str, Field(alias='y')] = 'a'",
        "x: float = 1",
        "x: Kind = Kind.A",
        "x: list[Any] = [1, {'a': 1}]",
        "x: Stop",
    ],
)
def test_a_plain_default_stays_as_it_is(member: str) -> None:
    assert f"\n    {member}\n" in with_validated_defaults(f"class M:\n    {member}\n")
