"""The README's first command, in a clone that has nothing yet but Python."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx

from tests.charter.command_line import takes_a_minute
from tests.data import ROOT

ADDRESS = re.compile(r"the API +(http://127\.0\.0\.1:\d+)")
PATIENCE = 30.0  # seconds for an answer, of a machine that does much else


def clone(folder: Path) -> Path:
    """The files of this repository, and nothing that was made of them."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in listed.rstrip("\0").split("\0"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return folder


@takes_a_minute
def test_a_fresh_clone_serves_with_no_more_than_serving_needs(tmp_path: Path) -> None:
    """The API answers, and the page at `/`, which checks and compares the document."""
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}")

    with subprocess.Popen(
        ["./scripts/serve"],
        cwd=clone(tmp_path / "a clone"),
        # without uv, which a machine that has only Python lacks
        env={**os.environ, "PATH": "/usr/bin:/bin", "PYTHON": str(python), "PORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if found := ADDRESS.search(line):
                    break
            else:
                raise AssertionError(said)
            for path in ("/livez", "/readyz", "/", "/docs"):
                assert httpx.get(found[1] + path, timeout=PATIENCE).status_code == 200, path
        finally:
            process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
