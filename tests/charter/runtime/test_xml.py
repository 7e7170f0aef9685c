"""Bodies in XML: how a schema reads and writes them, and what is refused."""

import gc
from collections.abc import Mapping
from contextlib import suppress
from time import thread_time
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from charter.runtime import (
    ContentTooLarge,
    Contract,
    InvalidRequest,
    MalformedRequest,
    ResponseViolation,
    UnsupportedMediaType,
)
from charter.runtime.contract import BODY_LIMIT
from charter.runtime.normal import normal
from charter.runtime.xml import Reader, unserved, write
from charter.runtime.xml.compiling import Compiler, Unsayable
from charter.runtime.xml.names import UNWRITABLE
from charter.runtime.xml.plans import Element
from charter.runtime.xml.reading import MOST_NODES
from charter.runtime.xml.writing import DECLARATION, Unwritable
from tests.charter.generate.requests import contract_of, request

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
PET = {
    "type": "object",
    "required": ["name", "photoUrls"],
    "xml": {"name": "pet"},
    "properties": {
        "id": {"type": "integer", "xml": {"attribute": True}},
        "name": TEXT,
        "photoUrls": {
            "type": "array",
            "xml": {"wrapped": True},
            "items": TEXT | {"xml": {"name": "photoUrl"}},
        },
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "integer", "minimum": 1}},
        "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
        "weight": {"type": ["number", "null"]},
    },
    "additionalProperties": False,
}


def document(schema: Any, version: str = "3.1.0", **schemas: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "paths": {},
        "components": {"schemas": {"Pet": PET, "Body": schema, **schemas}},
    }


def plan(schema: Any, version: str = "3.1.0", **schemas: Any) -> Element:
    made = document({}, version, **schemas) | {"body": schema}
    found = Compiler(made).root("/body")
    assert found is not None
    return found


def read(root: Element, xml: str) -> Any:
    violations: list[Any] = []
    value = Reader(root, violations).read(xml.encode())
    assert violations == []
    return value


def written(root: Element, value: Any) -> str:
    return write(root, value).decode().removeprefix(DECLARATION)


# -- how it is written, by the specification ------------------------------------------------------


def holder(animals: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "xml": {"name": "d"}, "properties": {"animals": animals}, **more}


def animals(item: Mapping[str, Any] = TEXT, **xml: Any) -> dict[str, Any]:
    return holder({"type": "array", "items": dict(item), **({"xml": xml} if xml else {})})


NAMED = TEXT | {"xml": {"name": "animal"}}
BOTH = {"animals": ["cat", "dog"]}
EXAMPLES: Mapping[str, tuple[str, Any, Any, str]] = {
    "a property": (
        "3.0.3", holder(TEXT), {"animals": "cats"}, "<d><animals>cats</animals></d>"
    ),
    "another name": ("3.0.3", holder(NAMED), {"animals": "c"}, "<d><animal>c</animal></d>"),
    "an array": (
        "3.1.0", animals(), BOTH, "<d><animals>cat</animals><animals>dog</animals></d>"
    ),
    "entries with a name": (
        "3.1.0", animals(NAMED, name="aliens"), BOTH,
        "<d><animal>cat</animal><animal>dog</animal></d>",
    ),
    "a wrapped array": (
        "3.1.0", animals(wrapped=True), BOTH,
        "<d><animals><animals>cat</animals><animals>dog</animals></animals></d>",
    ),
    "a wrapped array with names": (
        "3.1.0", animals(NAMED, wrapped=True, name="aliens"), BOTH,
        "<d><aliens><animal>cat</animal><animal>dog</animal></aliens></d>",
    ),
    "a wrapped array with a name": (
        "3.2.0", animals(nodeType="element", name="aliens"), BOTH,
        "<d><aliens><aliens>cat</aliens><aliens>dog</aliens></aliens></d>",
    ),
    "an attribute and a namespace": (
        "3.2.0",
        {
            "type": "object", "xml": {"name": "Person"},
            "properties": {
                "id": {"type": "integer", "xml": {"nodeType": "attribute"}},
                "name": TEXT | {"xml": {"namespace": "https://e.com/s", "prefix": "s"}},
            },
        },
        {"id": 123, "name": "Ada"},
        '<Person id="123"><s:name xmlns:s="https://e.com/s">Ada</s:name></Person>',
    ),
    "a default namespace": (
        "3.1.0",
        holder(NAMED) | {"xml": {"name": "d", "namespace": "urn:d"}}, {"animals": "c", "more": "m"},
        '<d xmlns="urn:d"><animal>c</animal><more>m</more></d>',
    ),
    "attributes and text": (
        "3.2.0",
        {
            "type": "array", "xml": {"nodeType": "element", "name": "animals"},
            "items": {
                "xml": {"name": "animal"},
                "properties": {
                    "kind": TEXT | {"xml": {"nodeType": "attribute"}},
                    "name": TEXT | {"xml": {"nodeType": "text"}},
                },
            },
        },
        [{"kind": "Cat", "name": "Fluffy"}, {"kind": "Dog", "name": "Fido"}],
        '<animals><animal kind="Cat">Fluffy</animal><animal kind="Dog">Fido</animal></animals>',
    ),
    "a section": (
        "3.2.0",
        {
            "type": "object", "xml": {"name": "Doc"},
            "properties": {"content": TEXT | {"xml": {"nodeType": "cdata"}}},
        },
        {"content": "<html>]]></html>"},
        "<Doc><![CDATA[<html>]]]]><![CDATA[></html>]]></Doc>",
    ),
    "entries in order": (
        "3.2.0",
        {
            "type": "array", "xml": {"nodeType": "element", "name": "Three"},
            "prefixItems": [
                TEXT | {"xml": {"name": "One"}},
                {
                    "type": "object", "xml": {"name": "Two"},
                    "properties": {
                        "unit": TEXT | {"xml": {"nodeType": "attribute"}},
                        "value": NUMBER | {"xml": {"nodeType": "text"}},
                    },
                },
                {"type": ["boolean", "null"], "xml": {"name": "Three"}},
            ],
        },
        ["Some text", {"unit": "cubits", "value": 42}, None],
        f'<Three><One>Some text</One><Two unit="cubits">42</Two><Three {NIL}/></Three>',
    ),
    "nulls": (
        "3.2.0",
        {
            "type": "object", "xml": {"name": "product"},
            "required": ["count", "description", "related"],
            "properties": {
                "count": {"type": ["number", "null"], "xml": {"nodeType": "attribute"}},
                "description": TEXT,
                "related": {"type": ["object", "null"]},
            },
        },
        {"count": None, "description": "Thing", "related": None},
        f"<product><description>Thing</description><related {NIL}/></product>",
    ),
    "a component": (
        "3.1.0", {"$ref": "#/components/schemas/Plain"}, {"pet": {"id": 1}},
        "<Plain><pet><id>1</id></pet></Plain>",
    ),
    "a body that nothing names": (
        "3.1.0", {"type": "array", "items": {"$ref": "#/components/schemas/Plain"}},
        [{"pet": {"id": 1}}], "<root><Plain><pet><id>1</id></pet></Plain></root>",
    ),
    "a map": (
        "3.1.0", {"type": "object", "xml": {"name": "m"}, "additionalProperties": NUMBER},
        {"a": 1, "b": 2.5}, "<m><a>1</a><b>2.5</b></m>",
    ),
    "what is derived": (
        "3.1.0", {"$ref": "#/components/schemas/Derived"}, {"id": 1, "name": "x"},
        "<Derived><id>1</id><name>x</name></Derived>",
    ),
}  # fmt: skip
COMPONENTS = {
    "Plain": {"type": "object", "properties": {"pet": {"$ref": "#/components/schemas/Base"}}},
    "Base": {"type": "object", "properties": {"id": {"type": "integer"}}},
    "Derived": {
        "allOf": [
            {
                "$ref": "#/components/schemas/Base",
            },
            {"type": "object", "properties": {"name": TEXT}},
        ]
    },
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_value_is_written_as_the_specification_says_and_read_again(case: str) -> None:
    version, schema, value, xml = EXAMPLES[case]
    root = plan(schema, version, **COMPONENTS)

    assert written(root, value) == xml
    assert read(root, xml) == value


def test_a_root_that_nothing_names_may_have_any_name() -> None:
    root = plan({"type": "array", "items": {"$ref": "#/components/schemas/Pet"}})

    assert read(root, "<zoo><pet><name>Bo</name></pet></zoo>") == [{"name": "Bo"}]


def test_white_space_and_comments_between_elements_mean_nothing() -> None:
    xml = "<?xml version='1.0'?>\n<!-- a -->\n<pet id='1'>\n  <name> Bo </name><?p?>\n</pet>\n"

    assert read(plan(PET), xml) == {"id": 1, "name": " Bo "}


@pytest.mark.parametrize("xml", [{}, {"wrapped": True}])
def test_members_of_any_name_may_be_arrays(xml: dict[str, Any]) -> None:
    values = {"type": "array", "items": {"type": "integer"}} | ({"xml": xml} if xml else {})
    root = plan({"type": "object", "xml": {"name": "d"}, "additionalProperties": values})
    value = {"a": [1, 2], "b": [3]}

    assert read(root, write(root, value).decode()) == value


@pytest.mark.parametrize("text", ["a\r\nb", "\ra", "a\r\r", "]]>\r]]>", "\r"])
def test_a_section_keeps_carriage_returns(text: str) -> None:
    root = plan(holder(TEXT | {"xml": {"nodeType": "cdata"}}), "3.2.0")

    assert read(root, write(root, {"animals": text}).decode()) == {"animals": text}


def test_an_absent_array_that_is_required_is_empty() -> None:
    schema = animals()

    assert read(plan(schema), "<d/>") == {}
    assert read(plan(schema | {"required": ["animals"]}), "<d/>") == {"animals": []}


@pytest.mark.parametrize("text", ["0x1", "1_0", "+1", "one"])
def test_what_is_no_number_stays_text(text: str) -> None:
    assert read(plan(PET), f"<pet><tags>{text}</tags></pet>") == {"tags": [text]}


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "utf-8"), ("utf-16", "UTF-16"), ("ascii", "US-ASCII")],
)
def test_a_document_is_in_utf_8_or_16(encoding: str, declared: str) -> None:
    text = "Zoe" if encoding == "ascii" else "Zoë \U0001f431"
    xml = f'<?xml version="1.0" encoding="{declared}"?><pet><name>{text}</name></pet>'

    assert Reader(plan(PET), []).read(xml.encode(encoding)) == {"name": text}


# -- what is judged -------------------------------------------------------------------------------


def act(**operation: Any) -> Contract:
    return contract_of(**operation, components={"schemas": {"Pet": PET}})


def taking(schema: Any) -> Contract:
    content = {"application/xml": {"schema": schema}}
    return act(requestBody={"required": True, "content": content})


async def send(body: bytes, content_type: str = "application/xml", schema: Any = PET) -> Any:
    reader = taking(schema).reader("act")
    (value,) = await reader.read(request(headers=[("Content-Type", content_type)], body=body))
    return value


NAME = "<name>x</name>"


@pytest.mark.parametrize(
    ("xml", "pointer", "detail"),
    [
        ("<cat/>", "", "is not the element pet"),
        (f"<pet>{NAME}{NAME}</pet>", "/name", "is repeated"),
        (f"<pet>{NAME}text</pet>", "", "holds text where it can hold elements alone"),
        ("<pet><name><b/></name></pet>", "/name", "holds an element where it can hold text alone"),
        (f"<pet>{NAME}<id>1</id></pet>", "/id", "is not written in this way in XML"),
        (f"<pet x='1'>{NAME}</pet>", "/@x", "is not an allowed property"),
        (f"<pet>{NAME}<y/></pet>", "/y", "is not an allowed property"),
        ("<pet><name a='1'>x</name></pet>", "/name", "has the attribute a, which is not declared"),
        (f"<pet id='x'>{NAME}</pet>", "/id", 'is not of type "integer"'),
        (f"<pet>{NAME}<tags>1</tags><tags>0</tags></pet>", "/tags/1", "is less than"),
        (f"<pet>{NAME}<photoUrls><url/></photoUrls></pet>", "/photoUrls/0", "is not the element"),
        (f"<pet>{NAME}<pet><tags><b/></tags></pet></pet>", "/friends/0/tags/0", "holds an element"),
        (f"<pet>{NAME}<weight/></pet>", "/weight", "is not of types"),
        (f"<pet><name {NIL}/></pet>", "/name", 'is not of type "string"'),
        (f"<pet>{NAME}<weight {NIL}>1</weight></pet>", "/weight", "is null and holds something"),
        (f"<pet xmlns='urn:x'>{NAME}</pet>", "", "is not the element pet"),
    ],
)
async def test_what_breaks_the_schema_is_refused_by_its_place(
    xml: str, pointer: str, detail: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await send(xml.replace("</pet>", "<photoUrls/></pet>", 1).encode())

    found = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert found.get(pointer, "").startswith(detail), found


DTD = '<!DOCTYPE pet [<!ENTITY a "ha">]>'
LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "ha">' for n in range(12)
)


@pytest.mark.parametrize(
    "xml",
    [
        f"{DTD}<pet><name>&a;</name></pet>",
        "<!DOCTYPE pet><pet/>",
        f"<!DOCTYPE pet [{LAUGHS}]><pet><name>&l11;</name></pet>",
        f'<!DOCTYPE pet [<!ENTITY a "{"a" * 40_000}">]><pet><name>{"&a;" * 10_000}</name></pet>',
        '<!DOCTYPE pet [<!ENTITY a SYSTEM "file:///etc/passwd">]><pet><name>&a;</name></pet>',
        '<!DOCTYPE pet SYSTEM "http://127.0.0.1:1/pet.dtd"><pet/>',
        '<!DOCTYPE pet [<!ENTITY % a SYSTEM "http://127.0.0.1:1/a">%a;]><pet/>',
        "<pet><name>&undeclared;</name></pet>",
        "<pet>",
        "<pet/><pet/>",
        "<pet></Pet>",
        "<pet id='1' id='2'/>",
        "<p:pet/>",
        "text",
        "",
        '{"name": "x"}',
        "<pet><name>\x00</name></pet>",
        "<pet><name>&#0;</name></pet>",
        "<pet><name>&#xD800;</name></pet>",
        '<?xml version="1.0" encoding="ISO-8859-1"?><pet/>',
        '<?xml version="1.0" encoding="UTF-16"?><pet/>',
        f'<pet xmlns:a="{"u" * 301}"/>',
    ],
)
async def test_what_is_no_xml_or_declares_a_type_is_malformed(xml: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        await (
            taking(PET)
            .reader("act")
            .read(request(headers=[("Content-Type", "application/xml")], body=xml.encode()))
        )

    assert refused.value.detail in ("The body is not well-formed XML.", "")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-32", "cp1252"])
async def test_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises((MalformedRequest, InvalidRequest)):
        await send("<pet><name>Zoë</name><photoUrls/></pet>".encode(encoding))
    with pytest.raises(UnsupportedMediaType):
        await send(b"<pet/>", f"application/xml; charset={encoding}")


@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
async def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await send(b'{"name": "x", "photoUrls": []}', media_type)


@pytest.mark.parametrize("media_type", ["text/xml", "application/vnd.pets+xml; version=1"])
async def test_every_media_type_of_xml_is_one(media_type: str) -> None:
    content = {media_type.partition(";")[0]: {"schema": PET}}
    reader = act(requestBody={"content": content}).reader("act")
    body = b"<pet><name>x</name><photoUrls/></pet>"

    (value,) = await reader.read(request(headers=[("Content-Type", media_type)], body=body))

    assert value == {"name": "x", "photoUrls": []}


def repeated(unit: bytes, around: tuple[bytes, bytes] = (b"<pet>", b"</pet>")) -> bytes:
    room = BODY_LIMIT - sum(map(len, around))
    return around[0] + unit * (room // len(unit)) + around[1]


NAMES = (b"<pet><name>", b"</name></pet>")
HOSTILE = {
    "empty elements": repeated(b"<q/>"),
    "as many elements as may be": repeated(b"<q/>")[: 5 + 4 * 14_990] + b"</pet>",
    "as many arrays": b"<pet>" + b"<tags>1</tags>" * 14_990 + b"</pet>",
    "as many attributes": b"<pet>" + b"<pet id='1'/>" * 7_490 + b"</pet>",
    "as many faults": b"<pet>" + b"<name/>" * 14_990 + b"</pet>",
    "elements between spaces": b"<pet>" + (b"<q/>" + b" " * 60) * 14_990 + b"</pet>",
    "elements between texts": b"<pet>" + b"<q/>text" * 14_990 + b"</pet>",
    "attributes": b"<pet " + b" ".join(b'a%d=""' % n for n in range(90_000)) + b"/>",
    "999 attributes each": (
        b"<pet>" + (b"<q " + b" ".join(b'a%d=""' % n for n in range(999)) + b"/>") * 90 + b"</pet>"
    ),
    "a huge attribute": repeated(b"x", (b'<pet a="', b'"/>')),
    "a huge name": repeated(b"a", (b"<", b"/>")),
    "a huge text": repeated(b"x", NAMES),
    "lines": repeated(b"\n", NAMES),
    "references": repeated(b"&#65;", NAMES),
    "sections": repeated(b"<![CDATA[x]]>", NAMES),
    "empty sections": repeated(b"<![CDATA[]]>"),
    "comments": repeated(b"<!---->"),
    "instructions": repeated(b"<?a?>"),
    "namespaces": b"<pet " + b" ".join(b'xmlns:a%d="u"' % n for n in range(60_000)) + b"/>",
    "long namespaces": (
        b'<pet xmlns:a="' + b"u" * 299 + b'">' + b"<a:q/>" * 14_980 + b"</pet>"
    ),
    "declared in each": b"<pet>" + b'<q xmlns:a="u"/>' * 60_000 + b"</pet>",
    "depth": repeated(b"<pet>"),
    "depth of 200": b"<pet>" * 199 + b"</pet>" * 199,
    "brackets": repeated(b"<"),
    "an open tag": repeated(b' a="b"', (b"<pet", b"")),
    "tags that are none": repeated(b'<a b="', (b"", b"")),
    "equals signs": repeated(b"=", NAMES),
    "UTF-16": repeated(b"<q/>")[: BODY_LIMIT // 2].decode().encode("utf-16"),
    "laughs": f"<!DOCTYPE p [{LAUGHS}]><pet>&l11;</pet>".encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_document_takes_long_to_read(name: str) -> None:
    root = plan(PET)
    gc.collect()
    gc.freeze()
    begun = thread_time()
    with suppress(ValueError, RecursionError):
        Reader(root, []).read(HOSTILE[name])
    taken = thread_time() - begun
    gc.unfreeze()

    assert len(HOSTILE[name]) <= BODY_LIMIT + 1000
    assert taken < 0.050


async def test_more_elements_than_are_read_are_too_large() -> None:
    with pytest.raises(ContentTooLarge):
        await send(b"<pet>" + b"<tags>1</tags>" * 5_000 + b"<q/>" * 11_000 + b"</pet>"[:6])


# -- what can't be said ---------------------------------------------------------------------------

ANY_OF_TWO = {"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": NUMBER}}]}
UNSAYABLE: Mapping[str, tuple[Any, str, str]] = {
    "anything": ({}, "/properties/animals", "any type"),
    "text or number": ({"type": ["string", "number"]}, "/properties/animals", "tell these apart"),
    "object or text": ({"type": ["string", "object"]}, "/properties/animals", "tell these apart"),
    "alternatives of one property": (
        ANY_OF_TWO, "/properties/animals/anyOf/0/properties/a", "tell these apart"
    ),
    "a map of anything": (
        {"type": "object", "additionalProperties": True},
        "/properties/animals/additionalProperties", "members of any type",
    ),
    "an array of anything": ({"type": "array"}, "/properties/animals", "entries"),
    "an array of arrays": (
        {"type": "array", "items": {"type": "array", "items": TEXT}},
        "/properties/animals/items", "needs an element of its own",
    ),
    "nulls of two kinds": (
        {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        "/properties/animals", "may be null",
    ),
    "no name": (TEXT | {"xml": {"name": "1 2"}}, "/properties/animals", "no name in XML"),
    "a prefix of nothing": (TEXT | {"xml": {"prefix": "p"}}, "/properties/animals", "no namespace"),
    "an attribute that is an object": (
        {"type": "object", "xml": {"attribute": True}}, "/properties/animals", "no single value"
    ),
    "two names that are one": (
        {"type": "object", "properties": {"a": TEXT, "b": TEXT | {"xml": {"name": "a"}}}},
        "/properties/animals/properties/b", "have one name",
    ),
    "text beside elements": (
        {"type": "object", "properties": {"a": TEXT, "b": TEXT | {"xml": {"nodeType": "text"}}}},
        "/properties/animals/properties/b", "holds more than attributes",
    ),
    "text that may be null": (
        {"properties": {"b": {"type": ["string", "null"], "xml": {"nodeType": "text"}}}},
        "/properties/animals/properties/b", "can't tell from empty text",
    ),
    "an object that is no node": (
        {"type": "object", "xml": {"nodeType": "none"}}, "/properties/animals", "no node"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAYABLE)
def test_what_xml_cannot_say_is_named_by_its_place(case: str) -> None:
    schema, place, reason = UNSAYABLE[case]

    with pytest.raises(Unsayable) as refused:
        plan(holder(schema))

    assert refused.value.place == f"/body{place}"
    assert reason in refused.value.message


def test_alternatives_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    def to(number: int) -> dict[str, str]:
        return {"$ref": f"#/components/schemas/S{number}"}

    steps: dict[str, Any] = {
        f"S{n}": {"type": "object", "properties": {"a": to(n + 1), "b": to(n + 1)}}
        for n in range(1, 40)
    }
    again = {"properties": {"a": to(0), "b": to(0)}}
    first = {"type": "object", "anyOf": [again, {"properties": {"a": to(1)}}]}

    with pytest.raises(Unsayable, match="make more than 5000 elements"):
        plan(to(0), S0=first, S40={"type": "object", "properties": {"c": TEXT}}, **steps)


def with_content(content: Any) -> dict[str, Any]:
    operation = {"operationId": "o", "responses": {"200": {"description": "-", "content": content}}}
    return document({}) | {"paths": {"/a": {"get": operation}}}


def test_xml_that_cannot_be_said_is_left_out_beside_another_media_type() -> None:
    schema = {"schema": holder({})}
    contract = Contract(with_content({"application/xml": schema, "application/json": schema}))

    assert list(contract.operations["o"].success.contents) == ["application/json"]


def test_a_schema_that_shares_a_part_with_one_that_cannot_be_said_is_none_either() -> None:
    inside: dict[str, Any] = {"next": {"$ref": "#/components/schemas/Loop"}, "any": {}}
    loop = {"type": "object", "properties": inside}
    around = {"type": "object", "properties": {"loop": {"$ref": "#/components/schemas/Loop"}}}
    media = {"schema": {"$ref": "#/components/schemas/Loop"}}
    made = with_content({"application/xml": media, "text/xml": {"schema": around}})
    made["components"]["schemas"]["Loop"] = loop

    assert [one.is_alone for one in unserved(normal(made))] == [True, True]


# -- what is answered -----------------------------------------------------------------------------


class Animal(BaseModel):
    name: str
    photoUrls: list[str]  # noqa: N815 - as it is on the wire
    weight: float | None = None


def answering(schema: Any = PET) -> Contract:
    content = {"application/xml": {"schema": schema}}
    return act(responses={"200": {"description": "-", "content": content}})


def test_a_model_is_answered_as_xml() -> None:
    response = answering().reply("act", Animal(name="Bo", photoUrls=["u"]))

    assert response.media_type == "application/xml"
    assert bytes(response.body).decode().removeprefix(DECLARATION) == (
        "<pet><name>Bo</name><photoUrls><photoUrl>u</photoUrl></photoUrls></pet>"
    )


def test_bytes_are_answered_as_they_are_and_judged() -> None:
    body = b"<pet><name>Bo</name><photoUrls/></pet>"

    assert answering().reply("act", body).body == body
    for broken in (b"<pet/>", b"<pet>", b'{"name": "Bo"}', b"<!DOCTYPE pet>" + body):
        with pytest.raises(ResponseViolation):
            answering().reply("act", broken)


def test_an_answer_may_be_larger_than_what_a_request_may_hold() -> None:
    photos = [str(number) for number in range(MOST_NODES)]

    response = answering().reply("act", Animal(name="Bo", photoUrls=photos))

    assert bytes(response.body).count(b"<photoUrl>") == MOST_NODES


def test_what_xml_cannot_hold_is_a_violation_by_its_place() -> None:
    with pytest.raises(ResponseViolation, match="/name holds a character that XML can't hold"):
        answering().reply("act", Animal(name="\x01", photoUrls=[]))


@pytest.mark.parametrize("name", ["a b", "1", "x:y", "", "known"])
def test_a_name_that_xml_cannot_hold_is_not_written(name: str) -> None:
    schema = {
        "type": "object",
        "properties": {"a": TEXT | {"xml": {"name": "known"}}},
        "additionalProperties": TEXT,
    }

    with pytest.raises(Unwritable):
        written(plan(schema), {name: "x"})


def test_text_is_any_xml() -> None:
    contract = answering(TEXT)
    body = b"<any><xml/></any>"

    assert contract.reply("act", body).body == body


# -- any schema, any value ------------------------------------------------------------------------

CHARACTERS = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[*filter(UNWRITABLE.match, map(chr, range(32))), "\ufffe", "\uffff"],
)  # fmt: skip
LOCALS = st.sampled_from(["a", "b", "çà", "d.e", "_f", "g-h", "名"])
SCALARS: Mapping[str, Any] = {
    "string": st.text(CHARACTERS, max_size=8),
    "integer": st.integers(-(10**30), 10**30),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
}
Pair = tuple[dict[str, Any], Any]
"""A schema and a value of it."""


@st.composite
def scalars(draw: Any) -> Pair:
    kind = draw(st.sampled_from(sorted(SCALARS)))
    if draw(st.booleans()):
        return {"type": kind}, draw(SCALARS[kind])
    return {"type": [kind, "null"]}, draw(st.none() | SCALARS[kind])


@st.composite
def arrays(draw: Any, inner: Any) -> Pair:
    """Of one schema: the values of others with the same type would be others'."""
    items, value = draw(inner)
    schema: dict[str, Any] = {"type": "array", "items": items, "xml": {"wrapped": True}}
    return schema, [value] * draw(st.integers(0, 3))


@st.composite
def objects(draw: Any, inner: Any) -> Pair:
    """Everything is required: what is absent may mean an empty array or null."""
    properties: dict[str, Any] = {}
    value: dict[str, Any] = {}
    for name in draw(st.lists(LOCALS, unique=True, max_size=4)):
        schema, value[name] = draw(inner)
        schema = dict(schema)
        xml = dict(schema.pop("xml", {}))
        if schema["type"] == "array" and schema["items"]["type"] != "array" and draw(st.booleans()):
            xml = {}
        if draw(st.booleans()) and "items" not in schema:
            xml["name"] = f"x{name}"
        if draw(st.booleans()):
            xml |= {"namespace": draw(st.sampled_from(["urn:1", "urn:2"]))}
            xml |= draw(st.sampled_from([{}, {"prefix": "p"}, {"prefix": "q"}]))
        if schema["type"] not in ("array", "object") and draw(st.booleans()):
            xml["attribute"] = True
        properties[name] = schema | ({"xml": xml} if xml else {})
    return {"type": "object", "properties": properties, "required": list(properties)}, value


VALUES = st.recursive(scalars(), lambda inner: arrays(inner) | objects(inner), max_leaves=12)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(objects(VALUES))
def test_what_is_written_is_read(pair: Pair) -> None:
    schema, value = pair
    root = plan(schema | {"xml": {"name": "body"}})

    violations: list[Any] = []
    again = Reader(root, violations).read(write(root, value))

    assert violations == []
    assert again == value
    assert repr(again) == repr(value) or spelled(again) == spelled(value)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(objects(VALUES))
def test_another_reader_finds_what_is_written(pair: Pair) -> None:
    """ElementTree, and elements built by the rules of the specification alone."""
    schema, value = pair
    root = plan(schema | {"xml": {"name": "body"}})

    found = ElementTree.fromstring(write(root, value))  # noqa: S314 - our own

    assert shape_of(found) == shape_of(expected(schema, "body", "", value))


def spelled(value: Any) -> Any:
    """Members without their order, which XML may change for attributes."""
    if isinstance(value, dict):
        return sorted((name, repr(spelled(child))) for name, child in value.items())
    return [spelled(child) for child in value] if isinstance(value, list) else value


XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def expected(schema: Any, name: str, around: str, value: Any) -> ElementTree.Element:
    xml = schema.get("xml", {})
    namespace = xml.get("namespace", around)
    inside = namespace if "prefix" not in xml else around
    local = xml.get("name", name)
    element = ElementTree.Element(f"{{{namespace}}}{local}" if namespace else local)
    if value is None:
        element.set(f"{XSI}nil", "true")
    elif isinstance(value, dict):
        for key, child in value.items():
            put(element, schema["properties"][key], key, inside, child)
    elif isinstance(value, list):
        element.extend(expected(schema["items"], local, inside, child) for child in value)
    else:
        element.text = text_of(value)
    return element


def put(element: ElementTree.Element, schema: Any, name: str, around: str, value: Any) -> None:
    xml = schema.get("xml", {})
    if xml.get("attribute"):
        local = xml.get("name", name)
        key = f"{{{xml['namespace']}}}{local}" if "namespace" in xml else local
        if value is not None:
            element.set(key, text_of(value))
    elif schema["type"] == "array" and not xml.get("wrapped"):
        element.extend(expected(schema["items"], name, around, child) for child in value)
    else:
        element.append(expected(schema, name, around, value))


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def shape_of(element: ElementTree.Element) -> Any:
    children = [shape_of(child) for child in element]
    return element.tag, dict(element.attrib), element.text or "", children
