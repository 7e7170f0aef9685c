"""What operators run: `python -m impl serve`, `python -m impl create-admin ada@example.com`."""

import argparse
import sys
from collections.abc import Sequence

from alembic.util import CommandError

from charter.service import ConfigurationError, Refused
from impl.commands import create_admin, purge, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 failed, 2 a mistake in the settings or the arguments."""
    given = parser().parse_args(arguments)
    try:
        if given.verb == "serve":
            return serve.run(given.application, reload=given.reload, migrate=given.migrate)
        if given.verb == "purge":
            return purge.run()
        return create_admin.run(
            given.email, existing=given.existing, from_stdin=given.password_stdin
        )
    except (ConfigurationError, Refused, CommandError) as error:
        print(f"charter: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m impl", description=__doc__)
    verbs = made.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve", help="serve until a signal comes")
    serving.add_argument(
        "--application", default="impl.app:create_app", help="another factory, `module:function`"
    )
    serving.add_argument("--reload", action="store_true", help="start anew when the code changes")
    serving.add_argument("--migrate", action="store_true", help="migrate the database first")
    verbs.add_parser("purge", help="delete ended sessions and whatever else is over")
    admin = verbs.add_parser("create-admin", help="make an account that administers the others")
    admin.add_argument("email", help="the address to log in with")
    admin.add_argument(
        "--existing",
        action="store_true",
        help="take over the account that has the address: replace its password, end its sessions",
    )
    admin.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
