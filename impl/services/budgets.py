"""How often one caller, and how often on behalf of one account, something dear may be asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from charter.service.events import SecurityEvent, record
from impl.core.config import Settings
from impl.core.problems import TooManyRequests
from impl.repositories.budgets import BudgetRepository

WINDOW = timedelta(minutes=1)
SUBSCRIBER_PREFIX = 64
"""How many bits of an IPv6 address are one subscriber's; the others are his to vary."""


@dataclass(frozen=True)
class Balance:
    """What is left of a quota, and for how many seconds."""

    policy: str
    quota: int
    left: int
    seconds: float


class Budgets:
    """The budgets of one request. `report` is told what is left of those that it spent."""

    def __init__(
        self,
        repository: BudgetRepository,
        settings: Settings,
        address: str | None,
        report: Callable[[Sequence[Balance]], None],
    ) -> None:
        self.repository = repository
        self.quotas = {
            "login": settings.logins_per_minute,
            "refresh": settings.refreshes_per_minute,
            "registration": settings.registrations_per_minute,
            "password-change": settings.password_changes_per_minute,
        }
        self.caller = subscriber(address)
        self.report = report

    async def spend(self, policy: str, account: object) -> None:
        """Raises TooManyRequests where the caller or the account has spent its quota."""
        quota = self.quotas[policy]
        if quota == 0:
            return
        subjects = {
            policy: f"{policy} by {self.caller}",
            f"{policy}-account": f"{policy} of {account}",
        }
        spent = await self.repository.spend(list(subjects.values()), quota, WINDOW)
        balances = [
            Balance(name, quota, max(0, quota - one.times), one.seconds)
            for name, one in zip(subjects, spent, strict=False)
        ]
        self.report(balances)
        if spent[-1].times > quota:
            record(SecurityEvent.BUDGET_EXCEEDED, policy=balances[-1].policy)
            raise TooManyRequests(spent[-1].seconds, "Too many requests of this kind.")


def subscriber(address: str | None) -> str:
    """Who is behind an address: all addresses of an IPv6 network are one caller's."""
    try:
        parsed = ip_address(address or "")
    except ValueError:  # a Unix socket has none
        return "nobody known"
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, SUBSCRIBER_PREFIX), strict=False))
    return str(parsed)
