"""`make up`, `make down`, `make status`: the stack with Locust's web UI, left running in the background.

One process of ours holds the stack, exactly as `make run` does in the foreground: it starts the programs, notes
when one dies, and ends them all when it is told to. `up` starts it and waits; `down` tells it to end.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from rich.console import Console

from swarmscope.edge.stack.folder import RunningProgram, RunningStack, StateFolder
from swarmscope.edge.stack.generator import (
    STOP_SECONDS,
    CommandOf,
    LoadRequest,
    locust_command,
    locust_program,
)
from swarmscope.edge.stack.interrupts import Interrupts
from swarmscope.edge.stack.plan import programs
from swarmscope.edge.stack.prepare import prepare
from swarmscope.edge.stack.processes import Interrupted, tail
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.errors import ComponentFailed, ExitCode, SwarmscopeError
from swarmscope.settings import Settings

READY_SECONDS = 90.0
DOWN_SECONDS = STOP_SECONDS + 30.0
TICK_SECONDS = 0.2


def up(
    root: Path,
    request: LoadRequest,
    settings: Settings,
    environ: Mapping[str, str],
    console: Console,
    *,
    holder: Sequence[str],
) -> int:
    """Start the stack in the background and print where it is; raises SwarmscopeError when it does not come up.

    `holder` is the command whose process calls `hold` with the same request.
    """
    folder = StateFolder(Path(settings.state).absolute())
    stack = RunningStack.load(folder.record)
    if stack is not None and stack.holder.process() is not None:
        console.print(f"Already up, for {stack.system}:")
        _print_programs(console, stack)
        return ExitCode.PASS
    # Everything that can be found wrong is said here, where somebody reads it.
    prepared = prepare(root, request, settings, environ, web_ui=True)
    for remark in prepared.plan.remarks:
        console.print(remark, highlight=False, soft_wrap=True)
    with folder.hold():
        folder.record.unlink(missing_ok=True)
    log = folder.logs / "stack.log"
    console.print(f"Starting the stack for {request.system} …", highlight=False)
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(holder),
            cwd=root,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack = _await_ready(process, folder, log)
    _print_programs(console, stack)
    console.print("`make status` says how it is; `make down` stops it.", highlight=False)
    return ExitCode.PASS


def _await_ready(holder: subprocess.Popen[bytes], folder: StateFolder, log: Path) -> RunningStack:
    deadline = time.monotonic() + READY_SECONDS
    try:
        while time.monotonic() < deadline:
            stack = RunningStack.load(folder.record)
            if stack is not None and stack.holder.pid == holder.pid:
                return stack
            code = holder.poll()
            if code is not None:
                raise _failed(code, log)
            time.sleep(TICK_SECONDS)
    except KeyboardInterrupt:
        holder.terminate()
        holder.wait()
        raise
    holder.terminate()
    holder.wait()
    raise ComponentFailed(f"the stack was not ready after {READY_SECONDS:.0f} s", f"its log is {log}")


def _failed(code: int, log: Path) -> SwarmscopeError:
    error = ComponentFailed("\n".join(tail(log, 20)) or f"the stack ended with exit code {code}")
    if code in list(ExitCode):
        error.exit_code = ExitCode(code)
    return error


def hold(
    root: Path,
    request: LoadRequest,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    command_of: CommandOf = locust_command,
) -> int:
    """Hold the stack until told to end: the process behind `make up`."""
    with Interrupts() as interrupts:
        prepared = prepare(root, request, settings, environ, web_ui=True)
        plan, request = prepared.plan, prepared.request
        with plan.folder.hold():
            url = settings.url(settings.locust_port)
            command = command_of(request, "", settings, headless=False)
            # First, because it makes the database that the secrets tell of.
            chosen = programs(plan)
            locust = locust_program(command, plan.secrets, health_url=f"{url}/", url=url)
            try:
                with Stack([*chosen, locust], plan.folder.logs, lambda: interrupts.asked) as stack:
                    _remember(stack, request, plan.folder)
                    while not interrupts.asked:
                        for death in stack.deaths():
                            print(death.message, flush=True)
                        time.sleep(TICK_SECONDS)
            except Interrupted:
                return ExitCode.INTERRUPTED
            finally:
                plan.folder.record.unlink(missing_ok=True)
    return ExitCode.PASS


def _remember(stack: Stack, request: LoadRequest, folder: StateFolder) -> None:
    me = psutil.Process()
    holder = RunningProgram.of("stack", "the stack", me.pid, log=str(folder.logs / "stack.log"))
    running = tuple(
        RunningProgram.of(p.program.name, p.program.title, p.pid, p.program.url, str(p.log))
        for p in stack.processes
        if p.pid is not None
    )
    RunningStack(holder, request.system, request.profile, running).save(folder.record)


def down(settings: Settings, console: Console) -> int:
    """End what `make up` left running, and only that."""
    folder = StateFolder(Path(settings.state).absolute())
    stack = RunningStack.load(folder.record)
    if stack is None:
        console.print("Nothing is running.")
        return ExitCode.PASS
    holder = stack.holder.process()
    if holder is not None:
        holder.terminate()
        _, alive = psutil.wait_procs([holder], timeout=DOWN_SECONDS)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=5)
    # What is left when the holder was killed and the system has no setpriv: by id and start, never by name.
    left = [process for process in (program.process() for program in stack.programs) if process is not None]
    for process in left:
        process.terminate()
    _, alive = psutil.wait_procs(left, timeout=10)
    for process in alive:
        process.kill()
    folder.record.unlink(missing_ok=True)
    console.print(f"Stopped {', '.join(program.title for program in stack.programs)}.", highlight=False)
    return ExitCode.PASS


def status(settings: Settings, console: Console) -> int:
    """Say what of the background stack runs; COMPONENT_FAILED when a part of it is dead."""
    stack = RunningStack.load(StateFolder(Path(settings.state).absolute()).record)
    if stack is None or (stack.holder.process() is None and all(p.process() is None for p in stack.programs)):
        console.print("Nothing is running; `make up` starts the stack.", highlight=False)
        return ExitCode.PASS
    console.print(f"The stack for {stack.system} ({stack.profile}):", highlight=False)
    _print_programs(console, stack)
    complete = stack.holder.process() is not None and all(p.process() is not None for p in stack.programs)
    return ExitCode.PASS if complete else ExitCode.COMPONENT_FAILED


def _print_programs(console: Console, stack: RunningStack) -> None:
    width = max(len(program.title) for program in stack.programs)
    for program in stack.programs:
        state = (
            (program.url or "running") if program.process() is not None else f"DEAD; its log is {program.log}"
        )
        console.print(f"  {program.title:<{width}}  {state}", highlight=False, soft_wrap=True)
