"""Merges lock files: an entry, with all its hashes, is merged as a whole."""

import re

from charter.project.upgrade.texts import merged_text


def merged_lock(base: str, ours: str, theirs: str, labels: tuple[str, str]) -> tuple[str, bool]:
    """The lock with the changes of both, and whether no conflict is marked in it.

    Charter itself is always that of the new version.
    """
    older, newer = entries(base), entries(theirs)
    kept = entries(ours) | {"charter": older["charter"]}
    if kept == older:
        return theirs, True
    lines: list[str] = []
    is_clean = True
    for name in sorted(kept.keys() | newer.keys()):
        before, mine, after = older.get(name), kept.get(name), newer.get(name)
        if mine in (before, after):
            lines.append(after or "")
        elif before == after or mine is None:
            lines.append(mine or "")
        else:
            text, is_merged = merged_text(before or "", mine, after or "", labels)
            lines.append(text)
            is_clean = is_clean and is_merged
    return "".join(lines), is_clean


def entries(lock: str) -> dict[str, str]:
    """A line for each package and each option, by its name; hashes in order, comments left out."""
    joined = re.sub(r"[ \t]*\\\n\s*", " ", lock)
    lines = (line.partition(" #")[0].strip() for line in joined.splitlines())
    return {name_of(line): f"{ordered(line)}\n" for line in lines if line and line[0] != "#"}


def name_of(line: str) -> str:
    if line.startswith("-"):
        return line
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", line)[0]).lower()


def ordered(line: str) -> str:
    if line.startswith("-"):
        return line
    requirement, *hashes = line.split(" --hash=")
    return " --hash=".join([requirement.strip(), *sorted(part.strip() for part in hashes)])
