"""Walks the journeys of openapi/journeys.yaml on a service of its own, by Redocly's runner.

`python -m dev.journeys` needs npx; exit code 1 if a step goes otherwise than the journey says, 2
without npx.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from charter.contract.service_under_test import service_under_test

RUNNER = "@redocly/cli@2.77.0"
JOURNEYS = "openapi/journeys.yaml"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
INPUTS = ("email=ada@example.org", "password=engines-weave-algebra")


def main() -> int:
    npx = shutil.which("npx")
    if npx is None:
        print("npx is not there: install Node.js, which brings it.", file=sys.stderr)
        return 2
    with service_under_test(Path(".data") / "journeys") as running:
        server = ("--server", f"service={running.base_url}")
        inputs = [part for one in INPUTS for part in ("--input", one)]
        command = [npx, "--yes", RUNNER, "respect", JOURNEYS, *server, *inputs]
        return 1 if subprocess.run(command, env=os.environ | QUIET, check=False).returncode else 0


if __name__ == "__main__":
    sys.exit(main())
