"""Starts the programs of a stack side by side, notices when one dies, and ends them in reverse order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from swarmscope.edge.stack.processes import Process, Program, in_words

UNREADY_SECONDS = 5.0
"""The longest that a stack which did not get ready is given to end."""


@dataclass(frozen=True, slots=True)
class Death:
    """A program of the stack that ended while it was needed."""

    program: Program
    message: str
    """With the last lines of its log."""


class Stack:
    """The started programs of one stack; entered to start them, left to end every one of them."""

    def __init__(
        self, programs: Sequence[Program], log_folder: Path, interrupted: Callable[[], bool] = lambda: False
    ) -> None:
        self.processes = [
            Process(program, log_folder / f"{program.name}.log", interrupted) for program in programs
        ]
        self._reported: set[str] = set()

    def __enter__(self) -> Stack:
        try:
            for group in self._groups():
                for process in group:
                    process.launch()
                for process in group:
                    process.await_ready()
        except BaseException:
            # What has not been at work has nothing to save: a signal that reaches a program while it is being loaded
            # may be lost, and Locust would be waited for for a minute.
            self.end(UNREADY_SECONDS)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def deaths(self) -> list[Death]:
        """Programs that ended since this was last asked."""
        dead = []
        for process in self.processes:
            code = process.exit_code
            if code is not None and process.program.name not in self._reported:
                self._reported.add(process.program.name)
                dead.append(
                    Death(process.program, f"{process.program.title} {in_words(code)}{process.last_words()}")
                )
        return dead

    def end(self, at_most: float = math.inf) -> None:
        """End every program, the last started first; those that carry others, after the others have ended."""
        for group in reversed(self._groups()):
            for process in reversed(group):
                process.ask_to_stop(process.program.stop_signal)
            for process in reversed(group):
                process.end(at_most)

    def _groups(self) -> list[list[Process]]:
        """Those that carry others, and those that are carried."""
        return [
            [process for process in self.processes if process.program.carries_others is carries]
            for carries in (True, False)
        ]
