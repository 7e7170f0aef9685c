"""Edits of the sample document, made as a person would: by changing text."""

from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.yaml")


@dataclass(frozen=True)
class Edit:
    """Replace the first `old` after the words `after`, which stand in the document once."""

    after: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        assert text.count(self.after) == 1, (
            f"{self.after!r} is there {text.count(self.after)} times"
        )
        head, anchor, tail = text.partition(self.after)
        assert self.old in tail, f"{self.old!r} does not come after {self.after!r}"
        return head + anchor + tail.replace(self.old, self.new, 1)


def edited(*edits: Edit) -> str:
    """The sample after all the edits."""
    text = SAMPLE.read_text()
    for edit in edits:
        text = edit.applied_to(text)
    return text


def line_of(text: str, words: str) -> int:
    """The number of the one line that contains the words."""
    lines = enumerate(text.splitlines(), start=1)
    (number,) = (number for number, line in lines if words in line)
    return number
