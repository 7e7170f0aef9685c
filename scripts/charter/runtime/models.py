"""What every generated model has in common."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Types what the document has judged; takes the names of Python and of the wire."""

    # the generator renames what would hide a method: `model_dump` is `model_dump_` here
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, protected_namespaces=()
    )


Shown = TypeVar("Shown", bound=BaseModel)


def omitting(shown: Shown, *optional: str) -> Shown:
    """The model without those of the optional members that are None: they are not sent as null."""
    absent = [name for name in optional if getattr(shown, name) is None]
    shown.model_fields_set.difference_update(absent)
    return shown
