"""The accounts that a project's own program makes in a fresh database."""

import json
from dataclasses import dataclass

from charter.errors import Misconfigured


@dataclass(frozen=True)
class Accounts:
    """The accounts that a service under test begins with; all have one password."""

    password: str
    administrators: list[str]
    users: list[str]
    peers: list[str]

    @classmethod
    def read(cls, printed: str, program: str) -> "Accounts":
        """Raises Misconfigured for anything but the JSON object that docs/fuzz.md describes."""
        try:
            found = json.loads(printed)
            names = [found.get(role, []) for role in ("administrators", "users", "peers")]
            accounts = cls(str(found["password"]), *([str(one) for one in role] for role in names))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Misconfigured(
                f"`python -m {program}` has to print a JSON object with `password` and the lists"
                " `administrators`, `users` and `peers`; docs/fuzz.md shows one."
            ) from None
        if len(accounts.users) < 2:
            raise Misconfigured(
                f"`python -m {program}` names fewer `users` than the two that fuzzing takes."
            )
        return accounts

    @property
    def callers(self) -> list[str]:
        """Those who may do most."""
        return self.administrators or self.users
