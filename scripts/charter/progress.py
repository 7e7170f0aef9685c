"""How far something is and how long it takes still: a bar on a terminal, else a line a step."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Steps:
    """The steps of something that takes more than a second, each with the share of the whole.

    Shares are relative: `{"the document": 1, "the code": 5}`. What is printed in between stands
    above the bar.
    """

    def __init__(self, shares: dict[str, float]) -> None:
        self.shares = shares
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

    def __exit__(self, *raised: object) -> None:
        self.progress.stop()

    def begin(self, step: str) -> None:
        """The step before has ended."""
        names = list(self.shares)
        done = sum(self.shares[name] for name in names[: names.index(step)])
        self.progress.update(self.task, completed=done, description=step)
        if not self.moves:
            print(f"{step} ...", flush=True)
