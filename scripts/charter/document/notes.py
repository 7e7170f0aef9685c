"""What a document says in vain: `generate` and `mock` don't refuse it, and don't pass it over."""

from collections.abc import Iterator
from itertools import islice

from charter.document import Document
from charter.document.checks import left_out
from charter.document.lint import contradictions
from charter.document.model import Model
from charter.document.overlays import Caution

RULES = (contradictions.media_type, contradictions.nullable, left_out)
MOST = 5
"""Places that are named of each rule; `charter lint` names all."""


def notes(document: Document) -> Iterator[Caution]:
    model = Model(document)
    for find in RULES:
        found = find(model)
        for remark in islice(found, MOST):
            yield Caution(document.place(remark.path), remark.message)
        if left := sum(1 for _ in found):
            message = f"{left} more of these: `charter lint` names them."
            yield Caution(document.place(()), message)
