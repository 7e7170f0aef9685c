"""What a client prefers of a mock (RFC 7240): `Prefer: code=404, example=gone, dynamic=true`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFERENCE = re.compile(
    r"""(?P<name>[\w!#$%&'*+.^`|~-]+)"""
    r"""(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s",;]*)))?"""
)


class NotPreferable(Exception):
    """The document has nothing of what is preferred; says what it has."""


@dataclass(frozen=True)
class Prefer:
    """What is asked for, and no more than that."""

    code: int | None = None
    example: str | None = None
    dynamic: bool = False

    @property
    def applied(self) -> str:
        """What `Preference-Applied` says (section 3)."""
        said = [
            f"code={self.code}" if self.code is not None else "",
            f'example="{self.example}"' if self.example is not None else "",
            "dynamic=true" if self.dynamic else "",
        ]
        # a header is ASCII, whatever an example is called
        return ", ".join(filter(None, said)).encode("ascii", "replace").decode()


def parse(headers: Iterable[str]) -> Prefer:
    """The preferences of all headers; the first of each counts (section 2).

    Other preferences are ignored. Raises NotPreferable for a code that is not a status.
    """
    preferences: dict[str, str] = {}
    for header in headers:
        for matched in PREFERENCE.finditer(header):
            quoted = matched["quoted"]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else matched["plain"]
            preferences.setdefault(matched["name"].lower(), value or "")
    code = preferences.get("code")
    if code is not None and not re.fullmatch(r"[1-5][0-9]{2}", code):
        raise NotPreferable("The preferred code is not a status: write one such as code=404.")
    return Prefer(
        code=int(code) if code is not None else None,
        example=preferences.get("example"),
        dynamic=preferences.get("dynamic", "false").lower() in ("true", "1", ""),
    )
