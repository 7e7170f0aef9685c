"""Charter: from one OpenAPI document to a running, checked service."""

__version__ = "0.1.0"
