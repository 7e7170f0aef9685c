"""Stops the embedded PostgreSQL once nobody uses it, however its last user ended.

Every user holds a shared lock on the file `clients`; this process waits for the exclusive one,
which the kernel grants when the last user is gone: after a clean exit, after SIGKILL, after running
out of memory. It imports nothing but the standard library, and it outlives whoever started it.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path


def main(state: Path, pg_ctl: str, data: str, account: str) -> None:
    """Wait in the background for the end of the last user, then stop the server."""
    if os.fork() > 0:
        return  # whoever started us need not wait
    os.setsid()  # Ctrl-C is not for us
    reaping = os.open(state / "reaper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(reaping, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # one is enough
    clients = os.open(state / "clients", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(clients, fcntl.LOCK_EX)
    stop(pg_ctl, data, account)
    # In this order: a new user waits for `clients`, and has to find `reaper` free by then.
    os.close(reaping)
    os.close(clients)


def stop(pg_ctl: str, data: str, account: str) -> None:
    """Stop the server at once but in order. Harmless where none runs."""
    user, group = account.split(":") if account else ("", "")
    subprocess.run(
        [pg_ctl, "-D", data, "-m", "fast", "-w", "-t", "60", "stop"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"LC_ALL": "C"},
        user=int(user) if user else None,
        group=int(group) if group else None,
        extra_groups=[] if user else None,
        check=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
