"""fastapi-code-generator's parser, made to keep the type of each parameter, body and response.

fastapi-code-generator reduces each operation to what its own templates need: without security,
constraints, headers, or media types. We use its driver; datamodel-code-generator does the parsing,
and the visitor gets what it found (docs/decisions/0002-two-generators.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datamodel_code_generator import OpenAPIScope
from datamodel_code_generator.imports import Imports
from datamodel_code_generator.model.pydantic_v2 import BaseModel
from datamodel_code_generator.parser.jsonschema import JsonSchemaObject
from datamodel_code_generator.parser.openapi import OpenAPIParser as ModelParser
from datamodel_code_generator.parser.openapi import ParameterObject, ReferenceObject
from datamodel_code_generator.types import DataType
from fastapi_code_generator.parser import OpenAPIParser as RouteParser
from fastapi_code_generator.parser import Operation

from charter.generate.names import Names
from charter.runtime.normal import operations


class Class(BaseModel):
    """A class whose bases are classes: one may be null elsewhere, and it is not `Optional` here."""

    @property
    def base_class(self) -> str:
        return ", ".join(
            base.reference.short_name if base.reference else base.type_hint
            for base in self.base_classes
        )


MODEL_OPTIONS: dict[str, Any] = {
    "base_class": "charter.runtime.models.Model",
    "data_model_type": Class,
    "capitalise_enum_members": True,
    "field_constraints": True,
    "openapi_scopes": [OpenAPIScope.Schemas, OpenAPIScope.Paths],
    "set_default_enum_member": True,
    "snake_case_field": True,
    "strict_nullable": True,
    "treat_dot_as_module": False,
    "use_annotated": True,
    "use_double_quotes": True,
    "use_field_description": True,
    "use_inline_field_description": True,
    "use_one_literal_as_default": False,
    "use_operation_id_as_name": True,
    "use_schema_description": True,
    "use_single_line_docstring": True,
    "use_standard_collections": True,
    "use_status_code_in_response_name": True,
    "use_subclass_enum": True,
    "use_specialized_enum": True,
    "use_union_operator": True,
}


@dataclass
class Seen:
    """The types of one operation, by their place in it."""

    operation: dict[str, Any]
    method: str
    path: str
    parameters: dict[tuple[str, str], DataType] = field(default_factory=dict)
    """By place and name."""
    bodies: dict[str, DataType] = field(default_factory=dict)
    """By media type."""
    responses: dict[str, dict[str, DataType]] = field(default_factory=dict)
    """By status and media type."""


class RecordingParser(RouteParser):  # type: ignore[misc]  # the base is untyped
    """Records the types of each operation while datamodel-code-generator parses it."""

    def __init__(
        self, source: str, *, document: Mapping[str, Any], names: Names, **options: Any
    ) -> None:
        """`document` is the whole one in its normal form; the source has its types alone."""
        self.document = document
        self.names = names
        del options["include_request_argument"]
        # not RouteParser's, which drops the options that it does not know
        ModelParser.__init__(self, source, **{**options, **MODEL_OPTIONS})
        self.operations: dict[str, Operation] = {}
        self.imports_for_fastapi = Imports()
        self.data_types: list[DataType] = []
        self.include_request_argument = False
        self._temporary_operation: dict[str, Any] = {}
        self.seen: list[Seen] = []
        self.places = {
            names.operations[node["operationId"]]: (path, method)
            for path, method, node in operations(document)
        }

    def parse_operation(
        self, raw_operation: dict[str, Any], path: list[str], *, location: Any = None
    ) -> None:
        where, method = self.places[raw_operation["operationId"]]
        self.seen.append(Seen(raw_operation, method, where))
        ModelParser.parse_operation(self, raw_operation, path)
        self.operations["/".join(path)] = Operation(
            method=path[-1],
            path=where,
            operationId=raw_operation["operationId"],
            tags=raw_operation["tags"],
        )

    def parse_all_parameters(
        self,
        name: str,
        parameters: list[ReferenceObject | ParameterObject],
        path: list[str],
        *,
        location: Any = None,
    ) -> None:
        for reference in parameters:
            parameter = self.resolve_object(reference, ParameterObject)
            place = parameter.in_.value
            where = [*path, name, place, parameter.name]
            holder = next(iter(parameter.content.values()), parameter)
            data_type = self.parse_item(parameter.name, schema_object(holder.schema_), where)
            self.seen[-1].parameters[place, parameter.name] = data_type

    def parse_request_body(self, name: str, request_body: Any, path: list[str]) -> Any:
        self.seen[-1].bodies = ModelParser.parse_request_body(self, name, request_body, path)
        return self.seen[-1].bodies

    def parse_responses(self, name: str, responses: Any, path: list[str]) -> Any:
        types = ModelParser.parse_responses(self, name, responses, path)
        self.seen[-1].responses = {str(status): hint for status, hint in types.items()}
        return types


def schema_object(schema: ReferenceObject | JsonSchemaObject | bool | None) -> JsonSchemaObject:
    """A schema as the generator takes it: what is none, or says nothing, is of any type."""
    if isinstance(schema, JsonSchemaObject):
        return schema
    node = {"$ref": schema.ref} if isinstance(schema, ReferenceObject) else {}
    made: JsonSchemaObject = JsonSchemaObject.model_validate(node)
    return made
