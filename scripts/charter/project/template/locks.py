"""The lock files of a new project: Charter's own, without what only Charter needs, and no network.

A line holds a package and all its hashes, because pip and uv take no less and people read no more.
"""

import re
from hashlib import sha256

import charter
from charter.project.template import Files, source

WHEELS = "wheels"
HEADER = f"--find-links ../{WHEELS}"


def locks(wheel: bytes) -> Files:
    """`requirements/runtime.txt` and `requirements/dev.txt`, both with this wheel of Charter."""
    development = entries("dev")
    chosen = {
        "dev": [development[package] for package in entries("project")],
        "runtime": list(entries("runtime").values()),
    }
    ours = f"charter=={charter.__version__} --hash=sha256:{sha256(wheel).hexdigest()}"
    return {
        f"requirements/{name}.txt": "\n".join([HEADER, *sorted([*lines, ours]), ""]).encode()
        for name, lines in chosen.items()
    }


def entries(name: str) -> dict[str, str]:
    """The lines of a lock of Charter's own, by the package and its version."""
    text = source(f"requirements/{name}.txt").read_text()
    joined = re.sub(r" *\\\n *", " ", text)
    return {line.split(" ")[0]: line for line in joined.splitlines()}
