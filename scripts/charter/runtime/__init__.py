"""What every generated stub relies on: the document judges requests and responses, here."""

from .contract import Contract, Operation
from .faults import (
    ContentTooLarge,
    Fault,
    InvalidRequest,
    MalformedRequest,
    RequestRefused,
    ResponseViolation,
    Unauthenticated,
    UnsupportedMediaType,
)
from .inputs import Inputs

__all__ = [
    "ContentTooLarge",
    "Contract",
    "Fault",
    "Inputs",
    "InvalidRequest",
    "MalformedRequest",
    "Operation",
    "RequestRefused",
    "ResponseViolation",
    "Unauthenticated",
    "UnsupportedMediaType",
]
