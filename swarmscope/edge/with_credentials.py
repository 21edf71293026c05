"""Starts a program with credentials from a file, which no environment variable of the container may hold.

    python -m swarmscope.edge.with_credentials FILE PROGRAM [ARGUMENT ...]

FILE holds NAME=value lines as .env does; its values win over the environment's. What a container is started with is
shown by `docker inspect`; what a process adds to its own environment is not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from swarmscope.edge.environment import read_dotenv
from swarmscope.errors import ConfigurationError, ExitCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the program; returns errors.ExitCode's code only where that cannot be done."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if len(words) < 2:
        print(
            "usage: python -m swarmscope.edge.with_credentials FILE PROGRAM [ARGUMENT ...]", file=sys.stderr
        )
        return ExitCode.BAD_CONFIGURATION
    file, program = words[0], words[1:]
    try:
        credentials = read_dotenv(Path(file))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        print(
            "  hint: CREDENTIALS_FILE names it; the user of the container must be able to read it",
            file=sys.stderr,
        )
        return error.exit_code
    try:
        os.execvpe(program[0], program, {**os.environ, **credentials})  # noqa: S606  # to become it is the purpose
    except OSError as error:
        print(f"{program[0]} cannot be started: {error.strerror or error}", file=sys.stderr)
        return ExitCode.COMPONENT_MISSING


if __name__ == "__main__":
    sys.exit(main())
