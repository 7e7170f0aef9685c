"""How far something is and how long it takes still: a bar on a terminal, else a line a step."""

import sys
from time import monotonic
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text


class Steps:
    """The steps of something that takes more than a second, each with the seconds that it takes.

    They are those of a usual machine: the steps that have ended show how much slower or faster this
    one is. What is printed in between stands above the bar. Without a terminal, `names_steps` says
    whether their names are printed.
    """

    def __init__(self, seconds: dict[str, float], *, names_steps: bool = True) -> None:
        self.seconds = seconds
        self.names_steps = names_steps
        console = Console(file=sys.stdout)
        self.moves = console.is_terminal
        self.progress = Progress(
            TextColumn("{task.description} ..."),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeLeft(),
            console=console,
            transient=True,
            disable=not self.moves,
        )
        self.task = self.progress.add_task("", total=sum(seconds.values()), begun=monotonic())

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.progress.stop()

    def begin(self, step: str) -> None:
        """The step before has ended."""
        names = list(self.seconds)
        done = sum(self.seconds[name] for name in names[: names.index(step)])
        self.progress.update(self.task, completed=done, description=step, begun=monotonic())
        if not self.moves and self.names_steps:
            print(f"{step} ...", flush=True)


class TimeLeft(ProgressColumn):
    """Counts down what the steps take that have not ended, at the pace of those that have."""

    def render(self, task: Task) -> Text:
        begun: float = task.fields["begun"]
        before = (task.elapsed or 0.0) - (monotonic() - begun)
        pace = before / task.completed if task.completed else 1.0
        left = max(task.remaining or 0.0, 0.0) * pace - (monotonic() - begun)
        return Text(f"{max(round(left), 1)} s left", style="progress.remaining")
