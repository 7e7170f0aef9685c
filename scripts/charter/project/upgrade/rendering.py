"""What `charter upgrade` asks a version of Charter: how it would have made a project.

`python -m charter.project.upgrade.rendering FOLDER` reads a JSON object from standard input:

    recorded   the table `[tool.charter.project]`
    document   the content of the project's document
    accounts   the accounts' part that is in it; null if this version put it there
    wheel      the path of this version's wheel, whose hash goes into the locks

and writes into the folder `files/`, the template filled, and `accounts.json`, the accounts' part
and the text of each of its members. Other versions ask for this: every version keeps it as it is.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from charter.document import Document
from charter.project.init import DOCUMENT
from charter.project.init.accounts import Name, accounts_again, called
from charter.project.init.documents import dumped
from charter.project.template import Answers, render, source, write
from charter.project.template.locks import locks
from charter.runtime.normal import normal


def main(folder: Path, request: Mapping[str, Any]) -> None:
    answers = Answers.of(request["recorded"])
    part = accounts_again(
        Document(source(DOCUMENT)).content,
        request["document"]["openapi"],
        answers,
        foreign_names(request["document"], request["accounts"]),
    )
    answers = replace(
        answers,
        operations=part.operations,
        schemas=part.schemas,
        tags=part.tags,
        components=part.components,
    )
    write(render(answers) | locks(Path(request["wheel"]).read_bytes()), folder / "files")
    written = {"part": part.part, "members": list(members(part.part))}
    (folder / "accounts.json").write_text(json.dumps(written))


def foreign_names(document: Mapping[str, Any], joined: Mapping[str, Any] | None) -> set[Name]:
    """What the document names beside the accounts."""
    return set() if joined is None else set(called(normal(document))) - set(called(joined))


def members(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The members of the part, each with its place in a document, its content and its text."""
    for path, item in part["paths"].items():
        yield {"at": ["paths", path], "content": item, "text": dumped({path: item})}
    for tag in part["tags"]:
        yield {"at": ["tags", tag["name"]], "content": tag, "text": dumped([tag])}
    for kind, components in part["components"].items():
        for name, node in components.items():
            yield {"at": ["components", kind, name], "content": node, "text": dumped({name: node})}


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin))
