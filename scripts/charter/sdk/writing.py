"""What the writers of all languages share: templates, and looking things up in the client."""

from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any

import charter
from charter.sdk.client import Client, Operation, Stream
from charter.sdk.packages import Package
from charter.sdk.types import Model, Type, simple
from charter.templates import templates

Files = dict[str, str]
"""The text of each file, by its path in the package."""


def put(files: Files, folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


CREDENTIALS = {
    "password": 'Password("ada@example.com", "correct horse battery")',
    "client_credentials": 'ClientCredentials("client", "secret")',
    "basic": 'Basic("ada", "correct horse battery")',
    "apiKey": 'ApiKey("key")',
    "bearer": 'Bearer("token")',
}
"""An example of each, the most useful first; Python and TypeScript write them alike."""

ACCEPTS = {
    Stream.BYTES: "*/*",
    Stream.EVENTS: "text/event-stream",
    Stream.LINES: "application/jsonl, application/x-ndjson, application/json-seq",
}
"""The header `Accept` of what is streamed."""


class Writer:
    """Renders the templates of one language."""

    def __init__(self, client: Client, package: Package, folder: Path, version: str) -> None:
        self.client = client
        self.package = package
        self.templates = templates(folder, keep_trailing_newline=True)
        self.templates.filters |= {
            "cell": lambda text: " ".join(text.split()).replace("|", "\\|"),
            "indented": lambda text, spaces: indent(text, " " * spaces).lstrip(),
        }
        self.templates.globals |= {"ACCEPTS": ACCEPTS, "Stream": Stream, "version": version}

    def render(self, template: str, **context: Any) -> str:
        return self.templates.get_template(template).render(
            charter_version=charter.__version__,
            client=self.client,
            package=self.package,
            server=self.server,
            writer=self,
            **context,
        )

    @cached_property
    def server(self) -> str:
        """The first absolute address in the document, or nothing."""
        absolute = (one for one in self.client.servers if one.startswith(("http://", "https://")))
        return next(absolute, "")

    @cached_property
    def simple(self) -> dict[str, Type]:
        return simple(self.client.definitions)

    @cached_property
    def credential(self) -> str:
        """An expression that logs in, in the best way that the document declares."""
        kinds = {kind for one in self.client.schemes for kind in (one.kind, *one.grants)}
        return next((made for kind, made in CREDENTIALS.items() if kind in kinds), "")

    @cached_property
    def models(self) -> list[Model]:
        return [one for one in self.client.definitions.values() if isinstance(one, Model)]


def explained(operation: Operation, first: str, arguments: list[str]) -> str:
    """What a method does, and lines about its arguments."""
    said = [first or operation.summary, operation.description, "\n".join(arguments)]
    return "\n\n".join(filter(None, said)) or f"{operation.method} {operation.path}"
