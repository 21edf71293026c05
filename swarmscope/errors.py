"""What can go wrong, in the user's words, and the exit code of each outcome. No I/O.

SwarmscopeError
├── ConfigurationError   a file or option that the user wrote is wrong (carries every Problem found)
├── ServiceUnreachable   the service under test does not answer before the load starts
├── PortTaken            a port that the stack needs is in use
├── ComponentMissing     a program that the stack needs is not installed
├── ComponentFailed      a program of the stack did not start, or died
├── GeneratorFailed      Locust ended without a verdict
└── ReportNotWritten     the verdict stands, but a report could not be saved
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Every exit code of Swarmscope, documented in docs/exit-codes.md; 1 to 3 stay Locust's and locust-plugins'."""

    PASS = 0
    FAIL = 10
    INVALID = 11
    NO_DATA = 12
    ABORTED = 13
    BAD_CONFIGURATION = 20
    SERVICE_UNREACHABLE = 21
    PORT_TAKEN = 22
    COMPONENT_MISSING = 23
    COMPONENT_FAILED = 24
    GENERATOR_FAILED = 25
    REPORT_NOT_WRITTEN = 26
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One plain sentence for the documentation and the last line of a run."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.PASS: "Every target that was judged held.",
    ExitCode.FAIL: "A target whose priority the gate covers was missed.",
    ExitCode.INVALID: "The load cannot be trusted (worker lost, generator overloaded, wanted load not delivered).",
    ExitCode.NO_DATA: "No target was missed, but one could not be measured.",
    ExitCode.ABORTED: "A target with `abort: true` was breached and the run was stopped early.",
    ExitCode.BAD_CONFIGURATION: "A file or option is wrong; nothing was started.",
    ExitCode.SERVICE_UNREACHABLE: "The service under test did not answer; no load was sent.",
    ExitCode.PORT_TAKEN: "A port that the stack needs is in use; nothing was started.",
    ExitCode.COMPONENT_MISSING: "A program that the stack needs is not installed; nothing was started.",
    ExitCode.COMPONENT_FAILED: "A program of the stack did not start, or died during the run.",
    ExitCode.GENERATOR_FAILED: "Locust ended without giving a verdict.",
    ExitCode.REPORT_NOT_WRITTEN: "Every target held, but a report could not be saved.",
    ExitCode.INTERRUPTED: "The run was ended by hand (Ctrl-C) before its time; what was measured is in the report.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a user's file: where it is, what was expected, what was found, and a hint."""

    source: str
    path: str
    message: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        text = f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class SwarmscopeError(Exception):
    """An error whose message and hint are meant for the user, with the exit code that it leads to."""

    exit_code = ExitCode.COMPONENT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigurationError(SwarmscopeError):
    """A file or an option is wrong; lists every problem found, not just the first."""

    exit_code = ExitCode.BAD_CONFIGURATION

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class ServiceUnreachable(SwarmscopeError):
    """The service under test does not answer before the load starts."""

    exit_code = ExitCode.SERVICE_UNREACHABLE


class PortTaken(SwarmscopeError):
    """A port that the stack needs is in use."""

    exit_code = ExitCode.PORT_TAKEN


class ComponentMissing(SwarmscopeError):
    """A program that the stack needs is not installed."""

    exit_code = ExitCode.COMPONENT_MISSING


class ComponentFailed(SwarmscopeError):
    """A program of the stack did not start, or died during the run."""


class GeneratorFailed(SwarmscopeError):
    """Locust ended without giving a verdict."""

    exit_code = ExitCode.GENERATOR_FAILED


class ReportNotWritten(SwarmscopeError):
    """The verdict stands, but a report could not be saved."""

    exit_code = ExitCode.REPORT_NOT_WRITTEN
