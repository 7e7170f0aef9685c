"""The command line `charter`.

Each verb's work lives in a module of its own, imported when the verb is called: `charter serve`
never loads the generators. Exit codes: 0 done, 1 a finding or a failure, 2 a mistake in the
arguments or settings, 130 interrupted.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, ParamSpec

import typer

from scripts.errors import Misconfigured, Refusal

ROOT = Path(__file__).resolve().parents[1]
HERE = Path.cwd()
"""Where the caller is; the verbs run from ROOT."""

Parameters = ParamSpec("Parameters")

app = typer.Typer(
    name="charter",
    help="From one OpenAPI document to a running service. Settings: .env.example names them all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
user_verbs = typer.Typer(no_args_is_help=True, help="Manage accounts from the command line.")
document_verbs = typer.Typer(no_args_is_help=True, help="Look at the document, and check it.")
app.add_typer(user_verbs, name="user")
app.add_typer(document_verbs, name="openapi")


def main() -> None:
    """What the program `charter` runs."""
    try:
        app()
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise  # a fault of ours: the traceback is for whoever mends it
        print(f"charter: {error}", file=sys.stderr)
        sys.exit(code)


def exit_code(error: Exception) -> int | None:
    """What a person can cause has one; what is our own fault has none."""
    from impl.core.config import ConfigurationError

    if isinstance(error, Refusal):
        return error.exit_code
    return 2 if isinstance(error, ConfigurationError) else None


def verb(work: Callable[Parameters, int]) -> Callable[Parameters, None]:
    """Run from the project's directory, where `.env` and DATA_DIR are, and exit with the result."""

    @functools.wraps(work)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        os.chdir(ROOT)
        raise typer.Exit(work(*args, **kwargs))

    return run


# -- running --------------------------------------------------------------------------------------


@app.command()
@verb
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of PORT; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Instead of WORKERS.")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when impl/ or generated/ changes.")
    ] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Migrate first, also in production.")
    ] = False,
) -> int:
    """Serve the API until Ctrl-C.

    Without DB_HOST it brings a PostgreSQL of its own and keeps the data in DATA_DIR. The schema
    is migrated first; on a database that DB_HOST names, in production, only with --migrate.
    """
    chosen = {"HOST": host, "PORT": port, "WORKERS": workers}
    os.environ.update({name: str(value) for name, value in chosen.items() if value is not None})
    from scripts import server

    return server.serve(migrate=migrate, reload=reload)


@app.command()
@verb
def migrate(
    revision: Annotated[str, typer.Argument(help="Where to: a revision, head or base.")] = "head",
    down: Annotated[
        bool, typer.Option("--down", help="Allow going back, which drops data.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if migrations are pending.")
    ] = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Change nothing; exit 1 if models and migrations differ."),
    ] = False,
    new: Annotated[
        str | None,
        typer.Option(metavar="MESSAGE", help="Write the migration that the models need."),
    ] = None,
) -> int:
    """Bring the database's schema to the newest revision, or to the one that is named.

    Safe to run anywhere, any number of times and at once: one migrates, the others wait for it.
    """
    from scripts import migrations

    if compare:
        return migrations.compare()
    if new is not None:
        return migrations.add(new)
    if check:
        return migrations.report_pending()
    return migrations.run(revision, down=down)


@app.command()
@verb
def seed(
    users: Annotated[int, typer.Option(min=1, help="How many people.")] = 20,
    items: Annotated[int, typer.Option(min=0, help="How many items each of them has.")] = 25,
) -> int:
    """Fill the database with plausible people and items, to try things out."""
    from scripts import migrations
    from scripts import seed as seeding

    with migrations.ready_database():
        return seeding.run(users=users, items=items)


@user_verbs.command("create-admin")
@verb
def create_admin(
    email: Annotated[str, typer.Argument(help="The address to log in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> int:
    """Make an account that may administer the others, or promote the one with this address."""
    from scripts import migrations, users

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not password:
        raise Misconfigured("The password is empty: type one, or pipe it in with --password-stdin.")
    with migrations.ready_database():
        return users.create_admin(email, password)


# -- the document and the code --------------------------------------------------------------------


@app.command()
@verb
def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 with a diff if it is outdated.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite edits made by hand in generated/.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Do it again whenever the document is saved.")
    ] = False,
) -> int:
    """Write generated/ from openapi/openapi.yaml. It never touches impl/."""
    from scripts.codegen import command

    if watch:
        from scripts import watching

        return watching.run(lambda: command.run(force=force), ROOT / "openapi")
    return command.run(check=check, force=force)


@app.command()
@verb
def scaffold(
    tag: Annotated[str, typer.Argument(help="A tag of the document.")],
) -> int:
    """Write the first version of a tag's service, or the methods that it lacks.

    Where the document shows a plain resource, its table, queries and migration, too. What is
    written by hand stays as it is.
    """
    from scripts import scaffold as scaffolding

    return scaffolding.run(tag)


def where_the_caller_is(base: str) -> str:
    """A file is looked for in the caller's directory, not in the project's."""
    return base if base.startswith("git:") else str(Path(base).absolute())


File = Annotated[
    Path | None,
    typer.Argument(resolve_path=True, help="Another document than openapi/openapi.yaml."),
]
Form = Annotated[
    Literal["text", "github"],
    typer.Option("--format", help="How to print: for people, or as notes in a pull request."),
]


@app.command()
@verb
def mock(
    document: Annotated[
        str,
        typer.Argument(
            callback=where_the_caller_is,
            help="OpenAPI 3.0, 3.1 or 3.2; YAML or JSON; one file, or the first of many.",
        ),
    ] = "openapi/openapi.yaml",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 4010,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Other values each time, unless asked otherwise.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Makes the values that are made up the same in every run.")
    ] = None,
    memory: Annotated[bool, typer.Option(help="Keep what is POSTed, to GET it again.")] = True,
    watch: Annotated[bool, typer.Option(help="Take up every edit of the document.")] = True,
) -> int:
    """Serve any document's operations from its examples, before a line of code is written.

    Requests are judged by the document. `Prefer: code=404`, `example=NAME` or `dynamic=true`
    chooses another answer. What is POSTed to a collection is there to GET, PATCH and DELETE.
    """
    from scripts.mock import server

    return server.run(
        Path(document),
        host=host,
        port=port,
        remembers=memory,
        dynamic=dynamic,
        seed=seed,
        watch=watch,
    )


@app.command()
@verb
def init(
    document: Annotated[
        Path, typer.Argument(resolve_path=True, help="OpenAPI 3.0, 3.1 or 3.2; YAML or JSON.")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(resolve_path=True, help="Empty or not there; named by the title, else."),
    ] = None,
) -> int:
    """Make a new project around a document: accounts, database, tests, CI, container.

    It runs and passes its tests at once; operations that nobody has written answer as a mock.
    """
    from scripts import init as beginning

    return beginning.run(document, folder, HERE)


@document_verbs.command("lint")
@verb
def lint_document(file: File = None, form: Form = "text") -> int:
    """Check structure, references, examples and style; exit 1 and name the lines if not good."""
    from scripts import openapi

    return openapi.lint(file or openapi.DOCUMENT, form)


@document_verbs.command("show")
@verb
def show_document(file: File = None) -> int:
    """List the operations: method, path, operationId, scopes."""
    from scripts import openapi

    return openapi.show(file or openapi.DOCUMENT)


@document_verbs.command("json")
@verb
def print_document(file: File = None) -> int:
    """Print the document as JSON, in one piece."""
    from scripts import openapi

    return openapi.json(file or openapi.DOCUMENT)


@document_verbs.command("diff")
@verb
def compare_documents(
    base: Annotated[
        str,
        typer.Argument(
            callback=where_the_caller_is,
            help="The older document: a file, or git:REV for the one at that revision.",
        ),
    ],
    revision: File = None,
    form: Form = "text",
) -> int:
    """Compare the document with an older one; exit 1 if a change would break a client."""
    from scripts import openapi

    return openapi.diff(base, revision or openapi.DOCUMENT, form)


# -- proving --------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@verb
def test(context: typer.Context) -> int:
    """Run the tests on a PostgreSQL of their own. All further arguments go to pytest.

    For example: charter test -n 2, or charter test tests/api -k refresh.
    """
    command = [sys.executable, "-m", "pytest", *context.args]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is the point


@app.command()
@verb
def check() -> int:
    """Run every check of the code that isn't a test; change nothing; exit 1 if one fails."""
    from scripts import checks

    return checks.run()


@app.command()
@verb
def fuzz(
    max_examples: Annotated[
        int | None, typer.Option(min=1, help="How many requests each operation gets in a phase.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Repeat the run that printed this seed; new each day.")
    ] = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Go as deep as a night allows.")
    ] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Only try whether one user finds another's objects.")
    ] = False,
) -> int:
    """Let Schemathesis look for requests on which the service breaks its document."""
    from scripts import fuzz as fuzzing

    return fuzzing.run(max_examples=max_examples, seed=seed, nightly=nightly, peers=peers)


@app.command()
@verb
def bench() -> int:
    """Measure the service beside the fastest application that could do the same."""
    from scripts import bench as benchmark

    return benchmark.run()
