"""Patterns as the judge reads them: what ECMA-262 allows for the web's sake, in its strict form.

JSON Schema's patterns are regular expressions of ECMA-262. Its Annex B also takes `{` and `}` where
nothing is counted, `-` beside a class of characters, and octal escapes; documents hold them, and
the judge's engine refuses them. Nor does it know groups by name: `\\k<year>` is `\\1` to it.
"""

import re

TOKEN = re.compile(
    r"""(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
    | (?P<octal>\\0[0-7]{0,2})
    | (?P<named>\\k<(?P<name>[^>]*)>)
    | (?P<kind>\\[dDsSwW]|\\[pP]\{[^}]*\})
    | (?P<whole>\\u\{[^}]*\}|\\.|\{[0-9]+(?:,[0-9]*)?\})
    | (?P<character>.)""",
    re.VERBOSE | re.DOTALL,
)
LOOKAROUND = re.compile(r"\(\?<?[=!]")
GROUP = re.compile(r"\((?:\?<(?P<name>[^=!>][^>]*)>|(?!\?))")
"""The beginning of a group that captures."""
REPEATS = re.compile(r"[*+]|\{[0-9]+(?:,[0-9]*)?\}")
EMPTY = {"[^]": r"[\s\S]", "[]": r"[^\s\S]"}


def strict(pattern: str) -> str:
    """The same pattern; one that is strict already stays as it is."""
    made, at = [], 0
    numbers = numbers_of_groups(pattern) if r"\k<" in pattern else {}
    while at < len(pattern):
        empty = next((text for text in EMPTY if pattern.startswith(text, at)), None)
        if empty is not None:
            made.append(EMPTY[empty])
            at += len(empty)
        elif pattern[at] == "[":
            tokens, at = characters(pattern, at)
            made.append(strict_class(tokens))
        else:
            matched = token(pattern, at)
            number = numbers.get(matched["name"] or "")
            if number is not None:
                made.append(rf"(?:\{number})")  # a digit may follow
            else:
                made.append(f"\\{matched[0]}" if matched[0] in "{}" else written(matched))
            at = matched.end()
    return "".join(made)


def numbers_of_groups(pattern: str) -> dict[str, int]:
    """Of those that have a name: which of all groups that capture they are, from the left."""
    numbers: dict[str, int] = {}
    at = count = 0
    while at < len(pattern):
        if pattern[at] == "[":
            _, at = characters(pattern, at)
            continue
        group = GROUP.match(pattern, at)
        if group is not None:
            count += 1
            if group["name"]:
                numbers[group["name"]] = count
        at = token(pattern, at).end()
    return numbers


def is_quadratic(pattern: str) -> bool:
    """Whether looking for it may read the rest of a text from each place in the text.

    That is so where a lookaround holds something that repeats. One at the start, behind `^`, is
    tried once. Reads the pattern from left to right, with the groups that are open on a stack.
    """
    groups: list[bool] = []  # whether a lookaround that is tried at many places is open
    at = int(pattern.startswith("^"))
    at_start = at == 1
    while at < len(pattern):
        if pattern[at] == "[":
            _, at = characters(pattern, at)
            at_start = at_start and bool(groups)
            continue
        text = token(pattern, at)[0]
        if text == "(":
            looks = LOOKAROUND.match(pattern, at) is not None
            at_start = at_start and (looks or bool(groups))
            is_first = at_start and not groups
            groups.append((looks and not is_first) or (bool(groups) and groups[-1]))
        elif text == ")" and groups:
            groups.pop()
        elif REPEATS.fullmatch(text) and groups and groups[-1]:
            return True
        elif not groups:
            at_start = False
        at += len(text)
    return False


def characters(pattern: str, at: int) -> tuple[list[re.Match[str]], int]:
    """What stands in a class of characters, with its brackets, and where it ends."""
    tokens = []
    while at < len(pattern):
        tokens.append(token(pattern, at))
        at = tokens[-1].end()
        if tokens[-1][0] == "]":
            break
    return tokens, at


def strict_class(tokens: list[re.Match[str]]) -> str:
    """Without a `-` between kinds of characters, of which there are no ranges: `[\\w-.]`."""
    made = [written(matched) for matched in tokens]
    for index in range(2, len(tokens) - 2):
        beside = {tokens[index - 1].lastgroup, tokens[index + 1].lastgroup}
        if tokens[index][0] == "-" and "kind" in beside:
            made[index] = r"\-"
    return "".join(r"\x08" if text == r"\b" else text for text in made)


def token(pattern: str, at: int) -> re.Match[str]:
    matched = TOKEN.match(pattern, at)
    assert matched is not None  # any character is one
    return matched


def written(matched: re.Match[str]) -> str:
    match matched.lastgroup:
        case "pair":  # of surrogates
            high, low = int(matched[0][2:6], 16), int(matched[0][8:12], 16)
            return rf"\u{{{0x10000 + ((high - 0xD800) << 10) + low - 0xDC00:x}}}"
        case "octal":
            return rf"\x{int(matched[0][1:], 8):02x}"
        case _:
            return matched[0]
