"""The work of `charter serve`: a database and a secret, then the project's own `serve`."""

import os
import sys

from charter.errors import Misconfigured
from charter.project import Project, start
from charter.project.environment import NO_DATABASE, ensure_jwt_secret, given

STAND_IN = "charter.project.stand_in:application"


def serve(project: Project, *, migrate: bool = False, reload: bool = False) -> int:
    """Become the project's own `serve`; an embedded PostgreSQL runs for as long as that does.

    Raises Misconfigured and PostgresError.
    """
    around = given()
    ensure_jwt_secret(around)
    command = start.command(project.programs, "serve")
    if around.names_a_database:
        migrate = migrate or not around.production
    elif around.production:
        raise Misconfigured(NO_DATABASE)
    else:
        migrate = True
        postgres = around.postgres()
        print("Starting PostgreSQL ..." if postgres.exists else "Making a database ...", flush=True)
        os.environ.update(postgres.start().environment())
        postgres.survive_exec()
    if not around.production:
        command += ["--application", STAND_IN]
    options = {"--migrate": migrate, "--reload": reload}
    command += [option for option, wanted in options.items() if wanted]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is the point
