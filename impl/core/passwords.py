"""Passwords: what may be one, how it is kept, and how it is compared without telling anything.

`common-passwords.txt.gz` holds the entries of eight characters and more of the list that Django
ships (django/contrib/auth/common-passwords.txt.gz, BSD-3-Clause, by Royce Williams).
"""

import asyncio
import gzip
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from passlib.context import CryptContext

from impl.core.config import Settings
from impl.core.problems import ServiceUnavailable

COMMON = Path(__file__).with_name("common-passwords.txt.gz")
SERVICE_NAME = "charter"
NICENESS = 10
"""A tenth of the share that the event loop has of a core that both want."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Verdict:
    """Whether a password opens, and the hash that should replace an outdated one."""

    correct: bool
    replacement: str | None = None


class WaitingRoom:
    """Bounds how many wait for a hash: who finds no place is refused at once rather than late."""

    def __init__(self, places: int) -> None:
        self.places = places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place before anything else is asked. Raises ServiceUnavailable if none is free."""
        if self.places == 0:
            raise ServiceUnavailable
        self.places -= 1
        try:
            yield
        finally:
            self.places += 1


class Passwords:
    """Hashes and compares in threads of its own, so that the event loop never waits for bcrypt.

    bcrypt releases the interpreter's lock; one thread less than there are cores keeps the loop
    on a core of its own. New passwords are hashed one after the other, so that a login never
    waits for more than one of them, however many people register.
    """

    def __init__(self, settings: Settings) -> None:
        self.minimum = settings.password_min_length
        # bcrypt_sha256 has neither of bcrypt's traps: 72 bytes, and NUL
        self.context = CryptContext(
            schemes=["bcrypt_sha256", "bcrypt"],
            deprecated="auto",
            bcrypt_sha256__rounds=settings.bcrypt_rounds,
            bcrypt__rounds=settings.bcrypt_rounds,
        )
        room = settings.password_hash_threads + settings.password_hash_queue
        self.logins = WaitingRoom(room)
        self.registrations = WaitingRoom(room)
        self.new_password = asyncio.Lock()
        self.pool = ThreadPoolExecutor(settings.password_hash_threads, "bcrypt", step_back)

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def warm_up(self) -> None:
        """Make the hash that nobody's password is compared with; the first call costs it twice."""
        await self.verify("", None)

    async def hash(self, password: str) -> str:
        async with self.new_password:
            return await self._run(lambda: self.context.hash(normalise(password)))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Takes as long without a hash as with one, so that the answer does not tell who exists."""
        return await self._run(lambda: self._verify(normalise(password), password_hash))

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        if password_hash is None:
            self.context.verify(password, None)
            return Verdict(correct=False)
        return Verdict(*self.context.verify_and_update(password, password_hash))

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    def objection(self, password: str, email: str) -> str | None:
        """Why the password is no good, as the rest of a sentence; None when it is.

        NIST SP 800-63B-4 section 3.1.1.2: a length and a list of what everybody uses, no rules
        about kinds of characters.
        """
        password = normalise(password)
        if len(password) < self.minimum:
            return f"is shorter than {self.minimum} characters"
        if password.casefold() in common():
            return "is one of the most common passwords"
        local, _, domain = email.casefold().partition("@")
        names = (email.casefold(), local, domain, SERVICE_NAME)
        if any(made_of(password.casefold(), name) for name in names):
            return "is made of the e-mail address or of the name of this service"
        return None


def step_back() -> None:
    """Let this thread hash when no other thread wants its core: a read never waits for a login.

    A thread has a priority of its own on Linux alone.
    """
    if sys.platform == "linux":
        os.nice(NICENESS)


def normalise(password: str) -> str:
    """One spelling for what looks the same (NFC, as RFC 8265 section 4.2 has it); no trimming."""
    return unicodedata.normalize("NFC", password)


def made_of(password: str, name: str) -> bool:
    """Whether the password is the name, or begins with it and repeats it."""
    return bool(name) and not password.replace(name, "")


@cache
def common() -> frozenset[str]:
    return frozenset(gzip.decompress(COMMON.read_bytes()).decode().split("\n")) - {""}
