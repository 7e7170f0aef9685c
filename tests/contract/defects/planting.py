"""How a defect is planted: something of the service is replaced by name, or nothing starts."""

import functools
import os
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

DEFECTS: dict[str, Callable[[], None]] = {}

Replacement = Callable[..., Any]
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def defect(plant: Callable[[], None]) -> Callable[[], None]:
    DEFECTS[plant.__name__] = plant
    return plant


def instead_of(owner: Any, name: str) -> Callable[[Replacement], Replacement]:
    """Call a function in the place of another one, which becomes its first argument.

    Raises AttributeError where there is none, and TypeError where it is called otherwise: the
    defect would not be planted.
    """
    original = getattr(owner, name)
    parameters = signature(original).parameters.values()
    named = {one.name: None for one in parameters if one.kind is Parameter.KEYWORD_ONLY}
    positional = [one for one in parameters if one.kind in POSITIONAL]

    def put(replacement: Replacement) -> Replacement:
        signature(replacement).bind(original, *positional, **named)

        @functools.wraps(original)
        def replaced(*arguments: Any, **options: Any) -> Any:
            return replacement(original, *arguments, **options)

        setattr(owner, name, replaced)
        return replacement

    return put


def check_no_responses() -> None:
    """The service would notice by itself, and answer 500: let it answer what it answers."""
    os.environ["RESPONSE_CHECK_SHARE"] = "0"
