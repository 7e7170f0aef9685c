"""Runs a program of the project; what keeps the project's code from running is one sentence.

    python -m charter.project.start impl serve --reload

With --reload, a fault found before the server watches for changes is waited out here.
"""

import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from charter.project import Project

RELOAD = "--reload"
INSTALLED = "site-packages"


def command(program: str, *arguments: str) -> list[str]:
    """The command line that runs a module of the project's environment, as `python -m` would."""
    return [sys.executable, "-m", __spec__.name, program, *arguments]


def main(arguments: Sequence[str]) -> int:
    """The exit code where the program doesn't end the process itself."""
    program, *own = arguments
    sys.argv = [program, *own]
    root = Path.cwd()
    if find_spec(program) is None:
        print(
            f"charter: {program} is missing here: restore it, as by `git restore {program}`.",
            file=sys.stderr,
        )
        return 1
    try:
        # `__main__` stays this module: the processes that a server spawns import it again
        runpy.run_module(program, run_name="__main__")
    except Exception as error:
        said = fault(error, root)
        if said is None:
            raise
        print(f"charter: {said}", file=sys.stderr, flush=True)
        if RELOAD not in own:
            return 1
        print("Waiting for a change ...", flush=True)
        wait_for_change(Project.find(root))
        os.execv(sys.executable, command(*arguments))  # noqa: S606 - no shell is the point
    return 0


def fault(error: BaseException, root: Path) -> str | None:
    """Where the project's own code went wrong and how; None where none of it was involved."""
    place = place_of(error, root)
    if place is None:
        return None
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(f"{type(error).__name__}: {reason}".split())
    return f"{place}: {words}. Correct that."


def place_of(error: BaseException, root: Path) -> str | None:
    """File and line, the innermost of the project's."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    for name, line in reversed(places):
        file = Path(name)
        if file.is_relative_to(root) and INSTALLED not in file.parts:
            return f"{file.relative_to(root)}:{line}"
    return None


def wait_for_change(project: Project) -> None:
    from watchfiles import PythonFilter, watch

    folders = (project.root / project.programs, project.generated)
    next(watch(*filter(Path.exists, folders), watch_filter=PythonFilter()))


def say_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What Python calls for an error that nothing caught."""
    said = fault(error, Path.cwd())
    if said is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"charter: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
if __name__ == "__mp_main__":  # in a process that the server spawned
    sys.excepthook = say_fault
