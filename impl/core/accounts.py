"""The accounts in the document: where their paths begin, and what it calls their parts."""

from generated.schemas import ProblemType
from generated.security import Scope

__all__ = ["ADMINISTRATIVE", "EMAIL", "PASSWORD", "PREFIX", "TOKEN_OPERATIONS", "ProblemType"]

PREFIX = ""
"""What the paths of logging in, of users and of health begin with."""

ADMINISTRATIVE = frozenset({Scope.USERS_ADMIN})
"""The scopes that only administrators get."""

TOKEN_OPERATIONS = ("createToken", "revokeToken")
"""Their errors are those of RFC 6749 section 5.2, too."""

EMAIL = "/components/schemas/Email"
PASSWORD = "/components/schemas/Password"  # noqa: S105 - a place in the document
