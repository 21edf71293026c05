"""`make run`: starts the stack, runs Locust in it, shows how it goes, and ends everything.

Locust judges and writes the reports; this only orchestrates, and its exit code is Locust's.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console

from swarmscope.edge.live_table import LiveScreen, Moment, PlainLines
from swarmscope.edge.stack.ending import Ending, print_ending
from swarmscope.edge.stack.generator import (
    LOCUST_PLUGINS_CHECK,
    STOP_SECONDS,
    CommandOf,
    LoadRequest,
    locust_command,
    locust_program,
    outcome,
    run_id,
)
from swarmscope.edge.stack.interrupts import Interrupts
from swarmscope.edge.stack.live import Watcher
from swarmscope.edge.stack.plan import programs
from swarmscope.edge.stack.prepare import prepare
from swarmscope.edge.stack.processes import Interrupted, Process, in_words
from swarmscope.edge.stack.supervisor import Death, Stack
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings

TICK_SECONDS = 0.1
LOOK_SECONDS = 1.0
OVERDUE_SECONDS = 180.0
"""How long after its planned end Locust may still settle and write before it is taken for stuck."""


def run_load(
    root: Path,
    request: LoadRequest,
    settings: Settings,
    environ: Mapping[str, str],
    console: Console,
    *,
    command_of: CommandOf = locust_command,
) -> int:
    """Run the load and return the exit code; raises SwarmscopeError when nothing could be run."""
    began = time.monotonic()
    with Interrupts() as interrupts:
        prepared = prepare(root, request, settings, environ, web_ui=False)
        plan, request = prepared.plan, prepared.request
        run = run_id(request, datetime.now().strftime("%Y%m%d-%H%M%S"))
        with plan.folder.hold():
            chosen = programs(plan)
            for remark in plan.remarks:
                console.print(remark, highlight=False, soft_wrap=True)
            console.print(
                f"Starting {', '.join(program.title for program in chosen)} for {run} …",
                highlight=False,
                soft_wrap=True,
            )
            load = Load(run, settings, interrupts, console)
            try:
                with Stack(chosen, plan.folder.logs, lambda: interrupts.asked) as stack:
                    ready = time.monotonic()
                    command = command_of(request, run, settings, headless=True)
                    locust = locust_program(command, plan.secrets)
                    process = Process(locust, plan.folder.logs / "locust.log")
                    ending = load.through(process, stack)
            except Interrupted:
                console.print("Interrupted while starting: nothing was measured, everything is stopped.")
                return ExitCode.INTERRUPTED
    print_ending(
        console,
        ending,
        settings,
        overhead=_Overhead(began, ready, time.monotonic(), ending.load_seconds).words,
    )
    return ending.exit_code


@dataclass(frozen=True, slots=True)
class _Overhead:
    """Where the time went that was not load, in monotonic seconds."""

    began: float
    ready: float
    ended: float
    load_seconds: float

    @property
    def words(self) -> str:
        total = self.ended - self.began
        return (
            f"{total:.0f} s in all: {self.load_seconds:.0f} s of load, {total - self.load_seconds:.1f} s around it "
            f"({self.ready - self.began:.1f} s to start the stack)"
        )


@dataclass(slots=True)
class Load:
    """Locust's part of a run: started in a ready stack, watched, asked to stop when the user wants it."""

    run: str
    settings: Settings
    interrupts: Interrupts
    console: Console
    _troubles: list[str] = field(default_factory=list)
    """One line each; what a program said last stands where its death was told."""
    _is_stack_whole: bool = True
    _stop_by: float | None = None

    def through(self, process: Process, stack: Stack) -> Ending:
        """Run Locust to its end and tell how it ended; leaves no process of it behind."""
        watcher = Watcher(self.settings)
        terminal = self.console.is_terminal and not self.console.is_dumb_terminal
        view = LiveScreen(self.console) if terminal else PlainLines(self.console)
        last: Moment | None = None
        try:
            process.launch()
            started = time.monotonic()
            next_look = started
            with view:
                while (code := process.exit_code) is None:
                    for death in stack.deaths():
                        self._mourn(death, view.say)
                    now = time.monotonic()
                    if now >= next_look:
                        next_look = now + LOOK_SECONDS
                        moment = self._look(watcher, now - started)
                        view.show(moment)
                        last = moment if moment.live is not None or last is None else last
                    if not self._may_go_on(process, view.say, last, now):
                        process.kill()
                        code = None
                        break
                    time.sleep(TICK_SECONDS)
            if code is None:
                code = -signal.SIGKILL
            return self._ending(code, process, watcher, last)
        finally:
            process.end()
            watcher.close()

    def _mourn(self, death: Death, say: Callable[[str], None]) -> None:
        first, *last_words = death.message.splitlines()
        self._is_stack_whole &= death.program.is_optional
        self._troubles.append(f"{first}: {_CONSEQUENCES.get(death.program.name, 'the load goes on')}")
        say("\n".join([self._troubles[-1], *last_words]))

    def _look(self, watcher: Watcher, seconds: float) -> Moment:
        return Moment(
            self.run, watcher.live(self.run), watcher.alerts(self.run), seconds, tuple(self._troubles)
        )

    def _may_go_on(
        self, process: Process, say: Callable[[str], None], last: Moment | None, now: float
    ) -> bool:
        """Pass the user's wish to stop on to Locust; False when it must be killed."""
        if self.interrupts.insisted:
            say("Ending everything at once: this run has no report.")
            return False
        if self._stop_by is None and self.interrupts.asked:
            say(
                "Stopping: Locust ends its users and writes the report of what was measured (again: end at once)."
            )
        elif self._stop_by is None and last is not None and is_overdue(last):
            self._troubles.append(
                f"Locust did not end {OVERDUE_SECONDS:.0f} s after its time; it was asked to stop."
            )
            say(self._troubles[-1])
        elif self._stop_by is None:
            return True
        if self._stop_by is None:
            self._stop_by = now + STOP_SECONDS
            process.ask_to_stop(signal.SIGINT)
        if now > self._stop_by:
            self._troubles.append(f"Locust did not stop within {STOP_SECONDS:.0f} s and was ended by force.")
            say(self._troubles[-1])
            return False
        return True

    def _ending(self, code: int, process: Process, watcher: Watcher, last: Moment | None) -> Ending:
        live = last.live if last is not None else None
        return Ending(
            run=self.run,
            exit_code=self.exit_code_for(code, process),
            live=live,
            load_seconds=float(live["elapsed"]) if live else 0.0,
            notifications=watcher.notifications(self.run),
            troubles=tuple(self._troubles),
            log=process.log,
        )

    def exit_code_for(self, code: int, process: Process) -> int:
        """What the runner ends with when Locust ended with `code`."""
        if self.interrupts.insisted:
            return ExitCode.INTERRUPTED
        if code == LOCUST_PLUGINS_CHECK:
            self._troubles.append(
                "A --check-* option of locust-plugins was not met (exit code 3 is its own)."
            )
            return code
        known = outcome(code)
        if known is None:
            self._troubles.append(f"Locust {in_words(code)}, which is no verdict.{process.last_words(15)}")
            return ExitCode.GENERATOR_FAILED
        if known is ExitCode.PASS and not self._is_stack_whole:
            # What has held was judged without the part that died: alerts, a measurement, the service itself.
            return ExitCode.COMPONENT_FAILED
        return known


_CONSEQUENCES = {
    "prometheus": "the load goes on and is judged from Locust's own counters; no alerts, plots or reconciliation",
    "alertmanager": "the load goes on; nobody is notified of alerts any more",
    "receiver": "the load goes on; notifications are no longer kept, and no target can stop the run",
    "postgresql": "everything that needs the database fails from now on",
    "node-exporter": "the load goes on; what the machine measures of itself ends here",
    "postgres-exporter": "the load goes on; what the database measures of itself ends here",
    "aws-stand-in": "the load goes on; cold starts and metrics of AWS end here, and targets on them are NO DATA",
    "cloudwatch-exporter": "the load goes on; nothing is read from AWS any more, and targets on it are NO DATA",
    "service": "every request fails from now on: what follows says nothing about the service's speed",
}


def is_overdue(last: Moment) -> bool:
    """Whether Locust should have ended long ago."""
    live = last.live
    if not live or not live["planned_seconds"] or not live["started"]:
        return False
    end = float(live["started"]) + float(live["planned_seconds"])
    if settling := live.get("settling"):
        # The verdict waits for measurements that arrive late, and says until when at most.
        end = max(end, float(settling["until"]))
    return time.time() - end > OVERDUE_SECONDS
