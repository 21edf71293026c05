"""Writes a run's four reports to reports/<run>/, and loses nothing when one of them cannot be written. I/O."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from swarmscope.errors import ReportNotWritten
from swarmscope.report import html_report, junit_report, markdown_report, write_result
from swarmscope.run_result import RunResult

logger = logging.getLogger(__name__)

RESULT = "result.json"
# The counters first: everything else can be made from them again.
_WRITERS: dict[str, Callable[[RunResult], str]] = {
    RESULT: write_result,
    "report.md": markdown_report,
    "junit.xml": junit_report,
    "report.html": html_report,
}


def write_reports(result: RunResult, reports: Path) -> tuple[Path, ...]:
    """Write result.json, report.md, junit.xml and report.html to `reports`/<run>/; the paths, in this order.

    One that cannot be written does not keep the others from being tried. Raises ReportNotWritten with every file
    and reason; when result.json is among them, it has been saved in the temporary directory, or printed to
    stderr when even that failed.
    """
    folder = reports / folder_name(result.info.run)
    written: list[Path] = []
    failed: list[str] = []
    for name, writer in _WRITERS.items():
        path = folder / name
        text = ""
        try:
            text = writer(result)
            folder.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        except OSError as error:
            failed.append(f"{path}: {error.strerror or error}")
        except Exception as error:
            # A bug in one report must not cost the verdict and the other three.
            logger.exception("%s could not be made", name)
            failed.append(f"{path}: {type(error).__name__}: {error}")
        else:
            written.append(path)
            continue
        if name == RESULT and text:
            failed[-1] += f" ({_save_elsewhere(result.info.run, text)})"
    if failed:
        raise ReportNotWritten(
            f"{len(failed)} of {len(_WRITERS)} reports could not be written:\n  " + "\n  ".join(failed),
            "the verdict stands; make room or choose another folder (SWARMSCOPE_REPORTS)",
        )
    return tuple(written)


def folder_name(run: str) -> str:
    """The run's name as one safe part of a path."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", run)
    return f"_{safe}" if not safe.strip(".") else safe


def _replace(path: Path, text: str) -> None:
    """Write through a file beside it, so that a reader sees the old report or the new one, never half of one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _save_elsewhere(run: str, text: str) -> str:
    """Keep result.json in the temporary directory or, failing that, on stderr; says where it went."""
    try:
        handle, name = tempfile.mkstemp(prefix=f"swarmscope-{folder_name(run)[:100]}-", suffix=f"-{RESULT}")
    except OSError:
        return _print(text)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        return _print(text)
    return f"saved as {name} instead"


def _print(text: str) -> str:
    sys.stderr.write(text)
    sys.stderr.flush()
    return "printed to stderr instead"
