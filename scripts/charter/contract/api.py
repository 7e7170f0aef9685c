"""What a document says of its operations that a fuzzer makes use of.

Everything is derived from the document alone; no operation is named here.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from charter.document.listings import Listing, has_format, listing_of
from charter.document.statuses import refusals
from charter.mock.memory import resources
from charter.runtime import Contract, Operation
from charter.runtime.parameters import JSON, Parameter
from charter.runtime.parts import essence
from charter.runtime.patches import MEDIA_TYPE as MERGE_PATCH
from charter.runtime.replies import ContentSpec
from charter.runtime.shapes import Shape
from charter.runtime.xml import is_xml

IF_MATCH = "if-match"
IF_NONE_MATCH = "if-none-match"
LAST_EVENT_ID = "last-event-id"
"""Names of header parameters (RFC 9110 section 13.1; HTML, server-sent events)."""
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def label(operation: Operation) -> str:
    """A method and a path template, as Schemathesis calls an operation."""
    return f"{operation.method} {operation.path}"


Derived = TypeVar("Derived")
Further = ParamSpec("Further")


def once(
    derive: Callable[Concatenate["Api", Operation, Further], Derived],
) -> Callable[Concatenate["Api", Operation, Further], Derived]:
    """Derive it once for each operation: the fuzzer asks with every request."""

    @functools.wraps(derive)
    def derived(
        api: "Api", operation: Operation, /, *rest: Further.args, **options: Further.kwargs
    ) -> Derived:
        key = (derive.__name__, operation.id, *rest, *options.items())
        if key not in api.derived:
            api.derived[key] = derive(api, operation, *rest, **options)
        found: Derived = api.derived[key]
        return found

    return derived


class Api:
    """A document, as its fuzzer sees it."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.judge = contract.judge
        self.operations = list(contract.operations.values())
        self.by_label = {label(operation): operation for operation in self.operations}
        self.resources = resources(contract)
        self.derived: dict[tuple[Any, ...], Any] = {}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Api":
        return cls(Contract(document, check_rate=0))

    def at(self, method: str, path: str) -> Operation | None:
        return self.by_label.get(f"{method} {path}")

    # -- who may call -----------------------------------------------------------------------------

    @property
    def schemes(self) -> Mapping[str, Mapping[str, Any]]:
        declared = self.judge.document.get("components", {}).get("securitySchemes", {})
        return {name: self.judge.resolve(scheme) for name, scheme in declared.items()}

    def is_secured(self, operation: Operation) -> bool:
        """Whether the operation refuses anonymous callers."""
        return bool(operation.security) and all(operation.security)

    @once
    def is_reachable(self, operation: Operation) -> bool:
        """Whether a caller without a client certificate, as the fuzzer is one, can be let in."""
        kinds = [{self.schemes[name]["type"] for name in one} for one in operation.security]
        return not kinds or any("mutualTLS" not in each for each in kinds)

    @once
    def can_succeed(self, operation: Operation) -> bool:
        """Whether a request exists that the operation accepts: it may declare errors alone."""
        declares_success = not operation.success.status.startswith(("4", "5"))
        return declares_success and self.is_reachable(operation)

    @once
    def takes_bearer(self, operation: Operation) -> bool:
        return any(map(self.is_bearer, (name for one in operation.security for name in one)))

    @once
    def takes_bearer_alone(self, operation: Operation) -> bool:
        """Whether a token is the only credential that is taken."""
        return all(self.is_bearer(name) for one in operation.security for name in one)

    @cached_property
    def secured(self) -> frozenset[str]:
        """The labels of the operations that take a token."""
        return frozenset(label(one) for one in self.operations if self.takes_bearer(one))

    def is_bearer(self, name: str) -> bool:
        """Whether a security scheme takes a token in `Authorization` (RFC 6750)."""
        scheme = self.schemes.get(name, {})
        is_http = scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "bearer"
        return is_http or scheme.get("type") in ("oauth2", "openIdConnect")

    @once
    def scopes(self, operation: Operation) -> list[frozenset[str]]:
        """What a bearer token must be good for, one set for each alternative."""
        return [
            frozenset(
                scope for name, scopes in one.items() if self.is_bearer(name) for scope in scopes
            )
            for one in operation.security
            if any(map(self.is_bearer, one))
        ]

    @cached_property
    def known_scopes(self) -> frozenset[str]:
        flows = [scheme.get("flows", {}) for scheme in self.schemes.values()]
        named = {scope for each in flows for flow in each.values() for scope in flow["scopes"]}
        asked = (scope for one in self.operations for all_ in self.scopes(one) for scope in all_)
        return frozenset({*named, *asked})

    @property
    def token_operation(self) -> Operation | None:
        """The operation at the `tokenUrl` of an OAuth 2 password flow (RFC 6749 section 4.3).

        A document may have several such flows, most of them of other servers.
        """
        posts = [one for one in self.operations if one.method == "POST"]
        for scheme in self.schemes.values():
            flow = scheme.get("flows", {}).get("password") if scheme["type"] == "oauth2" else None
            if flow is not None:
                path = "/" + urlsplit(flow["tokenUrl"]).path.lstrip("/")
                ends = [one for one in posts if path.endswith(one.path)]
                if ends:
                    return max(ends, key=lambda one: len(one.path))
        return None

    # -- what is sent -----------------------------------------------------------------------------

    @once
    def header(self, operation: Operation, name: str) -> Parameter | None:
        """A header parameter, whatever the case of its name."""
        headers = (one for one in operation.parameters if one.place == "header")
        return next((one for one in headers if one.name.lower() == name), None)

    def has_path_parameter(self, operation: Operation) -> bool:
        return any(parameter.place == "path" for parameter in operation.parameters)

    def takes_something(self, operation: Operation) -> bool:
        """Whether callers can ask for one thing or another."""
        return bool(operation.parameters) or self.body(operation) is not None

    def body(self, operation: Operation) -> Mapping[str, Any] | None:
        """The request body object."""
        found = self.judge.resolve(self.judge.at(operation.place).get("requestBody"))
        return found if isinstance(found, Mapping) else None

    def takes_json_alone(self, operation: Operation) -> bool:
        return all(JSON.fullmatch(media_type) for media_type in self.takes(operation))

    @once
    def takes_lists_in_forms(self, operation: Operation) -> bool:
        return self.takes_lists(operation) and any(one in FORMS for one in self.takes(operation))

    def takes_lists_in_xml(self, operation: Operation) -> bool:
        return self.takes_lists(operation) and any(map(is_xml, self.takes(operation)))

    def takes_lists(self, operation: Operation) -> bool:
        shape = self.body_shape(operation)
        return any(shape.member(name).is_array for name in shape.names)

    def takes(self, operation: Operation) -> list[str]:
        """The media types of the body."""
        return [essence(one) for one in (self.body(operation) or {}).get("content", {})]

    @once
    def body_shape(self, operation: Operation) -> Shape:
        contents = (self.body(operation) or {}).get("content", {}).values()
        return Shape(self.judge, *(content.get("schema", True) for content in contents))

    @once
    def writable(self, operation: Operation) -> frozenset[str]:
        """The members of the body that are a client's to send."""
        shape = self.body_shape(operation)
        kept = (n for n in shape.names if any("readOnly" in one for one in shape.member(n).parts))
        return shape.names - frozenset(kept)

    @once
    def members(self, operation: Operation, format_: str) -> tuple[str, ...]:
        """The members of the body whose values are of a format."""
        shape = self.body_shape(operation)
        return tuple(
            name for name in sorted(shape.names) if has_format(shape.member(name), format_)
        )

    @once
    def unique_emails(self, operation: Operation) -> tuple[str, ...]:
        """Addresses that may be taken: those that a POST takes which declares a conflict."""
        if operation.method != "POST" or 409 not in operation.response_specs:
            return ()
        return self.members(operation, "email")

    def is_conditional(self, operation: Operation) -> bool:
        """Whether a change is refused that is meant for another version (RFC 9110 13.1.1)."""
        return self.header(operation, IF_MATCH) is not None and 412 in operation.response_specs

    def extra_statuses(self, operation: Operation) -> tuple[int, ...]:
        """How a request is refused that the schemas admit."""
        if not self.can_succeed(operation):
            return tuple(operation.response_specs)
        conditional = (409, 412, 428) if self.is_conditional(operation) else ()
        return tuple(status for status in conditional if status in operation.response_specs)

    def is_merge_patch(self, operation: Operation) -> bool:
        """Whether what the body leaves out stays as it is (RFC 7396)."""
        contents = (self.body(operation) or {}).get("content", {})
        return operation.method == "PATCH" and any(
            essence(name) == MERGE_PATCH for name in contents
        )

    # -- what is answered -------------------------------------------------------------------------

    def success_content(self, operation: Operation) -> ContentSpec | None:
        contents = operation.success.contents.values()
        return next((one for one in contents if JSON.fullmatch(essence(one.media_type))), None)

    @once
    def success_shape(self, operation: Operation) -> Shape:
        content = self.success_content(operation)
        place = content.schema_place if content is not None else None
        return Shape(self.judge, self.judge.at(place) if place else True)

    @once
    def reader(self, operation: Operation) -> tuple[Operation, Mapping[str, str]] | None:
        """The GET operation that shows what a write has written, and what names the object.

        By a link of the success, by the resource that both paths are of, or by the same path. What
        names it: the members of the answer, by path parameters; the others are those of the write.
        """
        if operation.method not in ("POST", "PUT", "PATCH"):
            return None
        linked = next(self.linked_readers(operation), None)
        if linked is not None:
            return linked
        resource = self.resources.get(operation.path)
        if operation.method == "POST":
            if resource is None or operation.path != resource.collection:
                return None
            shown = self.at("GET", resource.member)
            return (shown, {resource.parameter.name: resource.identifier}) if shown else None
        shown = self.at("GET", operation.path)
        return (shown, {}) if shown is not None and self.shows_written(operation, shown) else None

    def shows_written(self, operation: Operation, shown: Operation) -> bool:
        """Whether a read has members that a write takes."""
        return bool(self.success_shape(shown).names & self.body_shape(operation).names)

    def linked_readers(self, operation: Operation) -> Iterator[tuple[Operation, Mapping[str, str]]]:
        if operation.method != "POST":
            return
        for link in self.links(operation).values():
            target = self.contract.operations.get(str(link.get("operationId")))
            named = {
                name.removeprefix("path."): str(value).removeprefix("$response.body#/")
                for name, value in link.get("parameters", {}).items()
                if str(value).startswith("$response.body#/")
            }
            is_member = target is not None and self.has_path_parameter(target)
            plain = all("/" not in member for member in named.values())
            if target is not None and target.method == "GET" and is_member and named and plain:
                yield target, named

    @once
    def links(self, operation: Operation) -> dict[str, Mapping[str, Any]]:
        """The links of all successes, by their names."""
        found = {}
        for status in operation.response_specs:
            place = self.judge.locate(f"{operation.place}/responses/{status}")
            for name, link in self.judge.at(place).get("links", {}).items():
                found[f"[{status}] {name}"] = self.judge.resolve(link)
        return found

    @once
    def listing(self, operation: Operation) -> Listing | None:
        """What an operation lists, if it does."""
        return listing_of(operation, self.success_shape(operation))

    def collection(self, operation: Operation) -> Listing | None:
        """The list at the path above an operation's own."""
        above = operation.path.rpartition("/")[0]
        found = self.at("GET", above)
        return self.listing(found) if found is not None else None


def search_members(
    api: Api, listing: Listing, create: Operation
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """By parameter, its description, and the texts of a row in which it says that it looks."""
    sent = api.body_shape(create).names
    for name, search in listing.searches.items():
        yield name, search.said, tuple(one for one in search.members if one in sent)


def default_of(parameter: Parameter) -> Any:
    """What a parameter is when it is left out; None where nothing says so."""
    return default_of_shape(parameter.style.shape)


def default_of_shape(shape: Shape) -> Any:
    return next((part["default"] for part in shape.parts if "default" in part), None)


def fuzzed(contract: Contract) -> dict[str, Any]:
    """The document, with what the runtime answers whatever the document says.

    A document need not declare how an operation refuses what breaks its own schemas, nor that a
    path may name nothing: those refusals, and they alone, are declared where it doesn't. The
    servers that it names are others than the one under test, whose address is known.
    """
    document: dict[str, Any] = json.loads(json.dumps(contract.judge.document, default=str))
    for operation in contract.operations.values():
        node = document["paths"][operation.key][operation.method.lower()]
        names_objects = any(parameter.place == "path" for parameter in operation.parameters)
        for status in (*refusals(contract, operation), *([404] if names_objects else ())):
            if operation.response_spec(status) is None:
                node["responses"][str(status)] = {"description": "Refused."}
    document["paths"] = {
        path: item for path, item in document["paths"].items() if not set(path) & set("#?")
    }
    document.pop("servers", None)
    for item in document["paths"].values():
        for node in (item, *item.values()):
            if isinstance(node, dict):
                node.pop("servers", None)
    return document
