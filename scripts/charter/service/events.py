"""What happened to accounts, sessions and rights: one line of the log each, for whoever watches.

Names are those of OWASP's Logging Vocabulary where it has one. An event says what the service
decided; where the line of its request says 503, the database may not have kept it.
"""

import logging
from enum import StrEnum
from uuid import UUID

from prometheus_client import Counter

from charter.service.telemetry import client_address

EVENTS = Counter("charter_security_events_total", "Security events by name.", ["event"])

log = logging.getLogger("charter.security")
# LOG_LEVEL is for diagnosis; who turns it up must not lose the audit trail (ASVS 16.3)
log.setLevel(logging.INFO)


class SecurityEvent(StrEnum):
    """Names that operators may rely on: none is ever changed or used for something else."""

    LOGIN_SUCCEEDED = "authn_login_success"
    LOGIN_FAILED = "authn_login_fail"
    LOGIN_LOCKED = "authn_login_lock"
    LOGIN_REFUSED = "authn_login_fail_max"
    PASSWORD_CHANGED = "authn_password_change"  # noqa: S105 - no password
    PASSWORD_CHANGE_REFUSED = "authn_password_change_fail"  # noqa: S105
    REFRESH_TOKEN_REUSED = "authn_token_reuse"  # noqa: S105
    SESSION_REVOKED = "authn_token_revoked"
    RIGHTS_REFUSED = "authz_fail"
    ROLE_CHANGED = "authz_change"
    USER_CREATED = "user_created"
    USER_DEACTIVATED = "user_deactivated"
    USER_REACTIVATED = "user_reactivated"
    USER_DELETED = "user_deleted"
    BUDGET_EXCEEDED = "excess_rate_limit_exceeded"


ALARMING = frozenset(
    {
        SecurityEvent.LOGIN_LOCKED,
        SecurityEvent.PASSWORD_CHANGE_REFUSED,
        SecurityEvent.REFRESH_TOKEN_REUSED,
        SecurityEvent.RIGHTS_REFUSED,
        SecurityEvent.BUDGET_EXCEEDED,
    }
)
"""Warnings; the others are what happens every day."""


def record(event: SecurityEvent, user_id: UUID | None = None, **about: str | bool | UUID) -> None:
    """Write the event with its user and the caller's address; the log adds time and request id.

    `about` are ids, names and flags of our own: nothing that a client has written belongs here.
    """
    EVENTS.labels(event).inc()
    ids = {name: str(value) if isinstance(value, UUID) else value for name, value in about.items()}
    level = logging.WARNING if event in ALARMING else logging.INFO
    user = str(user_id) if user_id else None
    log.log(level, event, extra={"user_id": user, "address": client_address(), **ids})
