"""The project's service while it is being written: a new one starts beside the one that answers.

Both have the same listening socket. The old one ends when the new one is ready, so that no request
is refused; if the new one doesn't start, the old one stays.
"""

import os
import select
import socket
import subprocess
from dataclasses import dataclass, field
from time import monotonic

from charter.project import Project, start
from charter.project.serve import STAND_IN
from charter.project.supervision import READY, SUPERVISOR

LISTENER = "CHARTER_LISTENER"
"""As `charter.service.server` has it."""
PATIENCE = 10.0
"""Seconds that a service has to end."""


@dataclass
class Process:
    """One run of the service."""

    process: "subprocess.Popen[bytes]"
    channel: socket.socket
    began: float = field(default_factory=monotonic)

    @property
    def is_ready(self) -> bool:
        readable, _, _ = select.select([self.channel], [], [], 0)
        return bool(readable) and self.channel.recv(1) == READY

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def end(self) -> None:
        """It answers what it has begun to answer."""
        self.process.terminate()
        self.channel.close()

    def wait(self) -> None:
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Started:
    """A new service answers."""

    seconds: float


@dataclass(frozen=True)
class Failed:
    """A service has ended by itself."""

    exit_code: int
    stays: bool
    """Whether an older one goes on."""


class Service:
    """The service that answers, and the one that will."""

    def __init__(self, project: Project, listener: socket.socket) -> None:
        self.project = project
        self.listener = listener
        self.current: Process | None = None
        self.next: Process | None = None
        self.ending: list[Process] = []

    def start(self, *, migrate: bool) -> None:
        """Start a new one, instead of one that is not ready yet."""
        if self.next is not None:
            self._retire(self.next)
        ours, theirs = socket.socketpair()
        command = start.command(self.project.programs, "serve", "--application", STAND_IN)
        handed = {LISTENER: str(self.listener.fileno()), SUPERVISOR: str(theirs.fileno())}
        with theirs:
            process = subprocess.Popen(
                command + ["--migrate"] * migrate,
                cwd=self.project.root,
                env=os.environ | handed | {"DRAIN_SECONDS": "0", "WORKERS": "1"},
                pass_fds=(self.listener.fileno(), theirs.fileno()),
            )
        self.next = Process(process, ours)

    def poll(self) -> Started | Failed | None:
        """What has happened since."""
        self.ending = [process for process in self.ending if process.exit_code is None]
        if self.next is not None and self.next.is_ready:
            older, self.current, self.next = self.current, self.next, None
            if older is not None:
                self._retire(older)
            return Started(monotonic() - self.current.began)
        if self.next is not None and (code := self.next.exit_code) is not None:
            self.next = None
            return Failed(code, stays=self.current is not None)
        if self.current is not None and (code := self.current.exit_code) is not None:
            self.current = None
            return Failed(code, stays=False)
        return None

    def stop(self) -> None:
        for process in filter(None, (self.current, self.next)):
            self._retire(process)
        for process in self.ending:
            process.wait()

    def _retire(self, process: Process) -> None:
        process.end()
        self.ending.append(process)
