"""Run a program, or say why this machine can't."""

import os
import shlex
import subprocess
from collections.abc import Mapping

SECONDS = 600


class EngineUnavailable(Exception):
    """This machine has no Docker engine and can't start one; the message says why."""


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What the program prints. Raises EngineUnavailable with its last line when it fails."""
    try:
        return subprocess.run(
            command,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout
    except FileNotFoundError as error:
        raise EngineUnavailable(f"there is no program `{error.filename}`") from error
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"`{command[0]}` took over {SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        reason = last_line(error.stderr or error.stdout)
        raise EngineUnavailable(f"`{shlex.join(command)[:100]}` failed: {reason}") from error


def succeeds(*command: str, environment: Mapping[str, str] | None = None) -> bool:
    try:
        run(*command, environment=environment)
    except EngineUnavailable:
        return False
    return True


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
