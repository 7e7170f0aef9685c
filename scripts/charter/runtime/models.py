"""What every generated model has in common."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Types what the document has judged; takes the names of Python and of the wire."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
