"""Deprecation, sunset and stability: what is announced before it is removed.

`deprecated: true` with `x-sunset: 2027-01-31` (RFC 3339 full-date) announces the day on which the
thing may go (RFC 8594). `x-stability-level` is one of STABILITY, lowest first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from charter.document.changes.judgement import Effect
from charter.runtime.lifecycle import SUNSET

STABILITY_LEVEL = "x-stability-level"
STABILITY = ("draft", "alpha", "beta", "stable")

Step = tuple[str, Effect, str]
"""The end of a rule's name, its effect, and what is said."""


@dataclass(frozen=True)
class LifeCycle:
    """What an announcement has to keep to."""

    today: date
    notice: timedelta
    """The shortest time between a deprecation and its sunset; 0 asks for no sunset."""

    def removal(self, was: Mapping[str, Any]) -> Step:
        """Whether something could go: only what was deprecated, and after its sunset."""
        if was.get(STABILITY_LEVEL) in ("draft", "alpha"):
            return "removed-with-deprecation", Effect.KEEPS, "it is gone, and was never stable."
        if was.get("deprecated") is not True:
            return "removed-without-deprecation", Effect.REPLACES, "it is gone."
        if SUNSET not in was:
            return "removed-with-deprecation", Effect.KEEPS, "it is gone, and was deprecated."
        if (sunset := day(was[SUNSET])) is None:
            return "sunset-parse", Effect.REPLACES, not_a_day(was[SUNSET])
        if sunset > self.today:
            message = f"it is gone before its sunset, {sunset}."
            return "removed-before-sunset", Effect.REPLACES, message
        return "removed-with-deprecation", Effect.KEEPS, f"it is gone after its sunset, {sunset}."

    def of_schemas(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Step]:
        names = {
            "sunset-parse": "deprecated-sunset-invalid",
            "sunset-date-changed-too-small": "sunset-date-too-small",
        }
        for rule, effect, message in self.steps(was, now):
            yield names.get(rule, rule), effect, message

    def steps(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Step]:
        deprecated, deprecates = (one.get("deprecated") is True for one in (was, now))
        if deprecates and not deprecated:
            yield from self.announcement(now)
        elif deprecated and not deprecates:
            yield "reactivated", Effect.KEEPS, "it is not deprecated any more."
        elif deprecates and was.get(SUNSET) != now.get(SUNSET):
            yield from self.another_sunset(was, now)
        yield from stability(was, now)

    def announcement(self, now: Mapping[str, Any]) -> Iterator[Step]:
        if SUNSET not in now:
            if self.notice:
                message = f"it is deprecated without `{SUNSET}`, the day on which it may go."
                yield "deprecated-sunset-missing", Effect.REPLACES, message
            else:
                yield "deprecated", Effect.KEEPS, "it is deprecated."
            return
        if (sunset := day(now[SUNSET])) is None:
            yield "sunset-parse", Effect.REPLACES, not_a_day(now[SUNSET])
        elif sunset < self.today + self.notice:
            yield "sunset-date-too-small", Effect.REPLACES, self.too_soon(sunset)
        else:
            yield "deprecated-with-sunset", Effect.KEEPS, f"it is deprecated, until {sunset}."

    def another_sunset(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Step]:
        if SUNSET not in now:
            yield "sunset-deleted", Effect.REPLACES, "it has no sunset any more."
            return
        older, newer = day(was.get(SUNSET)), day(now[SUNSET])
        if newer is None:
            yield "sunset-parse", Effect.REPLACES, not_a_day(now[SUNSET])
        elif newer < self.today + self.notice and (older is None or newer < older):
            yield "sunset-date-changed-too-small", Effect.REPLACES, self.too_soon(newer)
        else:
            yield "sunset-date-changed", Effect.KEEPS, f"its sunset is {newer} now."

    def too_soon(self, sunset: date) -> str:
        return f"its sunset, {sunset}, is sooner than {self.notice.days} days from {self.today}."


def stability(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Step]:
    older, newer = was.get(STABILITY_LEVEL), now.get(STABILITY_LEVEL)
    if older == newer:
        return
    if newer is not None and newer not in STABILITY:
        message = f"`{STABILITY_LEVEL}: {newer}` is none of {', '.join(STABILITY)}."
        yield "invalid-stability-level", Effect.REPLACES, message
        return
    ranks = [STABILITY.index(level) if level in STABILITY else 3 for level in (older, newer)]
    if ranks[0] != ranks[1]:
        word = "decreased" if ranks[1] < ranks[0] else "increased"
        effect = Effect.REPLACES if word == "decreased" else Effect.KEEPS
        yield f"stability-{word}", effect, f"its stability is {newer or 'not said'} now."


def day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None


def not_a_day(value: Any, member: str = SUNSET) -> str:
    return f"`{member}: {value}` is no date: write it as 2027-01-31."
