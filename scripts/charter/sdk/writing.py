"""What the writers of all languages share: templates, and looking things up in the client."""

from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any

import charter
from charter.sdk.client import Client, Operation
from charter.sdk.packages import Package
from charter.sdk.reading import first_sentence
from charter.sdk.types import Model, Named, Type, simple
from charter.templates import templates

Files = dict[str, str]
"""The text of each file, by its path in the package."""

CREDENTIALS = {
    "password": 'Password("ada@example.com", "correct horse battery")',
    "client_credentials": 'ClientCredentials("client", "secret")',
    "basic": 'Basic("ada", "correct horse battery")',
    "apiKey": 'ApiKey("key")',
    "bearer": 'Bearer("token")',
}
"""An example of each, the most useful first; Python and TypeScript write them alike."""


class Writer:
    """Renders the templates of one language."""

    def __init__(self, client: Client, package: Package, folder: Path) -> None:
        self.client = client
        self.package = package
        self.templates = templates(folder, keep_trailing_newline=True)
        self.templates.filters |= {
            "cell": lambda text: " ".join(text.split()).replace("|", "\\|"),
            "indented": lambda text, spaces: indent(text, " " * spaces).lstrip(),
        }

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

    def model(self, type_: Type) -> Model | None:
        """The object that a type is, if it is one."""
        while isinstance(type_, Named):
            definition = self.client.definitions[type_.name]
            if isinstance(definition, Model):
                return definition
            type_ = definition.type
        return None


def explained(operation: Operation, first: str, arguments: list[str]) -> str:
    """What a method does, and lines about its arguments."""
    said = [first or operation.summary, operation.description, "\n".join(arguments)]
    return "\n\n".join(filter(None, said)) or f"{operation.method} {operation.path}"


def brief(description: str) -> str:
    return first_sentence(description)
