"""What a client prefers of a mock (RFC 7240): `Prefer: code=404, example=gone, dynamic=true`.

`Prefer: delay=2, fault=503, times=1` is about how the answer comes, if it comes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFERENCE = re.compile(
    r"""(?P<name>[\w!#$%&'*+.^`|~-]+)"""
    r"""(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s",;]*)))?"""
)


FAULTS = ("503", "reset", "slow")
LONGEST_DELAY = 60.0
"""Seconds."""


class NotPreferable(Exception):
    """The document has nothing of what is preferred; says what it has."""


@dataclass(frozen=True)
class Prefer:
    """What is asked for, and no more than that."""

    code: int | None = None
    example: str | None = None
    dynamic: bool = False
    delay: float = 0.0
    """Seconds before the answer."""
    fault: str | None = None
    """One of FAULTS."""
    times: int | None = None
    """How often the same request meets the fault; None for always."""

    @property
    def chooses(self) -> bool:
        """Whether another answer is asked for than the usual one."""
        return self.code is not None or self.example is not None or self.dynamic

    @property
    def applied(self) -> str:
        """What `Preference-Applied` says (section 3)."""
        said = [
            f"code={self.code}" if self.code is not None else "",
            f'example="{self.example}"' if self.example is not None else "",
            "dynamic=true" if self.dynamic else "",
            f"delay={self.delay:g}" if self.delay else "",
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
    delay = preferences.get("delay", "0")
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?", delay) or float(delay) > LONGEST_DELAY:
        raise NotPreferable(
            f"The preferred delay is not a number of at most {LONGEST_DELAY:g} seconds: write one"
            " such as delay=1.5."
        )
    fault = preferences.get("fault")
    if fault is not None and fault not in FAULTS:
        raise NotPreferable(f"The preferred fault is none of {', '.join(FAULTS)}.")
    times = preferences.get("times")
    if times is not None and not re.fullmatch("[0-9]{1,4}", times):
        raise NotPreferable("The preferred times are not a number: write one such as times=2.")
    return Prefer(
        delay=float(delay),
        fault=fault,
        times=int(times) if times is not None else None,
        code=int(code) if code is not None else None,
        example=preferences.get("example"),
        dynamic=preferences.get("dynamic", "false").lower() in ("true", "1", ""),
    )
