"""What every generated stub relies on: the document judges requests and responses, here."""

from .contract import Contract, Operation
from .faults import (
    ContentTooLarge,
    Fault,
    InvalidRequest,
    MalformedRequest,
    MissingCredentials,
    RequestRefused,
    ResponseViolation,
    TooManyStreams,
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
    "MissingCredentials",
    "Operation",
    "RequestRefused",
    "ResponseViolation",
    "TooManyStreams",
    "UnsupportedMediaType",
]
