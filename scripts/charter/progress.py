"""How far something is and how long it takes still: a bar on a terminal, else a line a step."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Steps:
    """The steps of something that takes more than a second, each with the share of the whole.

    Shares are relative: `{"the document": 1, "the code": 5}`. What is printed in between stands
    above the bar.
    """

    def __init__(self, shares: dict[str, float], *, quiet: bool = False) -> None:
        """If `quiet`, nothing is printed where there is no terminal."""
        self.shares = shares
        self.quiet = quiet
        console = Console(file=sys.stdout)
        self.moves = console.is_terminal
        self.progress = Progress(
            TextColumn("{task.description} ..."),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not self.moves,
        )
        self.task = self.progress.add_task("", total=sum(shares.values()))

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def begin(self, step: str) -> None:
        """The step before has ended."""
        names = list(self.shares)
        done = sum(self.shares[name] for name in names[: names.index(step)])
        self.progress.update(self.task, completed=done, description=step)
        if not self.moves and not self.quiet:
            print(f"{step} ...", flush=True)
