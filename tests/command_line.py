"""The program `charter`, run as a user runs it."""

import os
import subprocess
import sys
from tempfile import gettempdir

from impl.core.config import Settings

PROGRAM = (
    sys.executable,
    "-c",
    # from where no `.env` of the developer's is read
    f"import sys; from pathlib import Path; from scripts import cli; sys.argv[0] = 'charter';"
    f"cli.ROOT = Path({gettempdir()!r}); cli.main()",
)


def charter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with nothing in the environment but PATH and this."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={"PATH": os.environ["PATH"], "PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def naming(database: Settings) -> dict[str, str]:
    """The environment that leads to this database."""
    return {
        "DB_HOST": database.db_host,
        "DB_PORT": str(database.db_port),
        "DB_USER": database.db_user,
        "DB_PASSWORD": database.db_password.get_secret_value(),
        "DB_NAME": database.db_name,
        "DB_SSLMODE": database.db_sslmode,
    }
