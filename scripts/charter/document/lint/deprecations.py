"""Rules about what is deprecated: since when, and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime

from charter.document.changes.lifecycle import day, not_a_day
from charter.document.model import Model, Node, Operation, Remark
from charter.runtime.lifecycle import SINCE, SUNSET


def sunset(model: Model) -> Iterator[Remark]:
    """Dates that are none, or contradict what is beside them."""
    for node in announcing(model):
        since, ends = (day(node.value.get(member)) for member in (SINCE, SUNSET))
        for member, read in ((SINCE, since), (SUNSET, ends)):
            if member not in node.value:
                continue
            if read is None:
                yield Remark((*node.path, member), not_a_day(node.value[member], member))
            elif node.value.get("deprecated") is not True:
                message = f"`{member}` without `deprecated: true` announces nothing: add it."
                yield Remark((*node.path, member), message)
        if since is not None and ends is not None and since > ends:
            message = f"It is deprecated since {since}, after its sunset, {ends}: correct one."
            yield Remark((*node.path, SINCE), message)


def past_sunset(model: Model) -> Iterator[Remark]:
    today = datetime.now(UTC).date()
    for node in announcing(model):
        ends = day(node.value.get(SUNSET))
        if ends is not None and ends < today and node.value.get("deprecated") is True:
            message = f"Its sunset was on {ends}: remove it, or name a later day."
            yield Remark((*node.path, SUNSET), message)


def no_sunset(model: Model) -> Iterator[Remark]:
    for operation in deprecated(model):
        if SUNSET not in operation.node.value:
            message = (
                f"{operation.label} is deprecated, and nobody knows how long it stays: add"
                f" `{SUNSET}: 2027-01-31`."
            )
            yield Remark((*operation.node.path, "deprecated"), message)


def no_deprecation_date(model: Model) -> Iterator[Remark]:
    for operation in deprecated(model):
        if SINCE not in operation.node.value:
            message = (
                f"{operation.label} does not say since when it is deprecated, so that its"
                f" `Deprecation` names the day of the service's start: add `{SINCE}: 2026-06-01`."
            )
            yield Remark((*operation.node.path, "deprecated"), message)


def announcing(model: Model) -> Iterator[Node]:
    return model.of("operation", "parameter", "schema", "header")


def deprecated(model: Model) -> Iterator[Operation]:
    return (one for one in model.operations if one.node.value.get("deprecated") is True)
