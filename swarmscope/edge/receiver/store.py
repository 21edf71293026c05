"""Keeps every record on disk, one JSON object a line, and in memory for reading. I/O: one file.

The file is bounded: when it outgrows its size, its older half goes. There is no fsync: a machine that loses power
may lose the last second of notifications, and Alertmanager repeats what still fires.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from swarmscope.errors import ConfigurationError, Problem

MAX_BYTES = 16 * 1024 * 1024

_FIELDS = {"id", "kind", "received_at", "status", "run", "system"}
"""What every record has; a line without them was not written by the receiver."""

_log = logging.getLogger(__name__)


class _Kept(NamedTuple):
    record: dict[str, Any]
    size: int


class NotificationStore:
    """An append-only list of records that outlives the process; each gets an `id` one above the last."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        """Read what an earlier process kept; raises ConfigurationError when the folder cannot be written."""
        self._path = folder / "notifications.jsonl"
        self._max_bytes = max_bytes
        self._kept: deque[_Kept] = deque()
        self.bytes_kept = 0
        self.write_errors = 0
        self.lines_skipped = 0
        self.last_error = ""
        """Why the last record is in memory only; "" while the disk takes them."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8"):
                pass
            torn = self._read()
            self._drop_oldest()
            if torn:
                # A line that a kill cut short would swallow the next one.
                self._rewrite()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(
                [Problem(str(folder), "", f"notifications cannot be kept here: {reason}")]
            ) from error

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every record, oldest first."""
        return (kept.record for kept in self._kept)

    def newest_first(self) -> Iterator[dict[str, Any]]:
        """Every record, newest first."""
        return (kept.record for kept in reversed(self._kept))

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return it with its id; a full disk is remembered in `last_error`, not raised."""
        last = self._kept[-1].record["id"] if self._kept else 0
        whole = {"id": last + 1, **record}
        line = _line(whole)
        self._remember(whole, len(line))
        try:
            if self._drop_oldest():
                self._rewrite()
            else:
                with self._path.open("ab") as file:
                    file.write(line)
            self.last_error = ""
        except OSError as error:
            self.write_errors += 1
            self.last_error = error.strerror or str(error)
            _log.error("%s: %s; the notification is kept in memory only", self._path, self.last_error)
        return whole

    def _read(self) -> bool:
        """Read the file into memory; whether a line of it was not a record."""
        with self._path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                    known = isinstance(record, dict) and record.keys() >= _FIELDS and line.endswith(b"\n")
                except ValueError:
                    known = False
                if known:
                    self._remember(record, len(line))
                else:
                    self.lines_skipped += 1
        return self.lines_skipped > 0

    def _remember(self, record: dict[str, Any], size: int) -> None:
        self._kept.append(_Kept(record, size))
        self.bytes_kept += size

    def _drop_oldest(self) -> bool:
        """Halve what is kept once it is too much, so that the file is rewritten rarely."""
        if self.bytes_kept <= self._max_bytes:
            return False
        while len(self._kept) > 1 and self.bytes_kept > self._max_bytes // 2:
            self.bytes_kept -= self._kept.popleft().size
        return True

    def _rewrite(self) -> None:
        partial = self._path.with_suffix(f".{os.getpid()}")
        with partial.open("wb") as file:
            file.writelines(_line(kept.record) for kept in self._kept)
        partial.replace(self._path)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
