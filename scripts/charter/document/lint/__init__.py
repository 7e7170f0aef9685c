"""What is wrong with a document, or could be better: `charter lint`.

An error is what `generate` and `mock` refuse. A warning is most likely a mistake, a hint a habit of
good documents. `[tool.charter.lint]` turns rules off, changes their severity, and adds a team's
own (docs/lint.md).
"""

from collections.abc import Iterator

from charter.document import Document, checks
from charter.document.findings import Finding, Severity
from charter.document.lint.configuration import Configuration
from charter.document.lint.rules import OF_SOUND_DOCUMENTS, RULES
from charter.document.model import Model, Remark

__all__ = ["DEFAULT", "Configuration", "lint"]

DEFAULT = Configuration()


def lint(document: Document, configuration: Configuration = DEFAULT) -> list[Finding]:
    """All findings, from the top of the file to its end."""
    model = Model(document)
    return sorted(
        {
            Finding.at(remark.place or document.place(remark.path), severity, name, remark.message)
            for name, severity, remark in remarks(model, configuration)
            if not configuration.ignores(name, remark.path)
        }
    )


def remarks(model: Model, configuration: Configuration) -> Iterator[tuple[str, Severity, Remark]]:
    """Errors stay errors: what they name can't be served."""
    errors = checks.errors(model)
    for name, remark in errors:
        yield name, Severity.ERROR, remark
    for rule in RULES:
        if errors and rule.name in OF_SOUND_DOCUMENTS:
            continue
        severity = configuration.severity(rule.name, rule.severity)
        if severity is not None:
            yield from ((rule.name, severity, remark) for remark in rule.find(model))
    for own in configuration.own:
        yield from ((own.name, own.severity, remark) for remark in own.find(model))
