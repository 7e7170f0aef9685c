"""Who watches their items goes on where they were when the service is started anew."""

import subprocess
from pathlib import Path

from tests.charter.sdk.clients import tsc, typescript_client
from tests.commands.conftest import Start
from tests.data import DOCUMENT

QUICK = {"DRAIN_SECONDS": "0", "REGISTRATIONS_PER_MINUTE": "0", "BCRYPT_ROUNDS": "4"}


def test_a_client_in_typescript_goes_on_after_a_restart(start: Start, tmp_path: Path) -> None:
    """By the iterator of its SDK, which sends the token that an EventSource can't."""
    folder = typescript_client(DOCUMENT, tmp_path, "watching.ts")
    tsc(folder)
    service = start(**QUICK)
    with subprocess.Popen(
        ["node", "watching.js", f"http://127.0.0.1:{service.port}"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        try:
            said = [program.stdout.readline().strip() for _ in range(2)]
            service.terminate()
            service.process.wait(10)
            start(PORT=str(service.port), **QUICK)
            said += program.communicate("it is back\n", timeout=60)[0].splitlines()
        finally:
            program.kill()

    assert said == ["ready anew", "created Watched", "ready again", "created Meanwhile"]
