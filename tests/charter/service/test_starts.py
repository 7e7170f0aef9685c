"""What a program of the service has to load before it begins."""

import subprocess
import sys

from tests.data import ROOT


def test_a_migration_loads_no_framework_of_the_web() -> None:
    program = "import sys, impl.db.migrations; print('fastapi' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
