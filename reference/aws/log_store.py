"""CloudWatch Logs' groups, streams and lines, by time. No I/O.

Lines become visible a while after they were put, as CloudWatch's do.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

MOST_LINES = 1_000_000
"""Of all groups together, about 400 MB; beyond it the oldest lines of the fullest group are forgotten."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One log event."""

    timestamp: int
    """Unix milliseconds, as its writer says."""
    number: int
    """Grows with each line that is stored: a unique order."""
    stream: str = field(compare=False)
    message: str = field(compare=False)
    ingested: int = field(compare=False)

    @property
    def id(self) -> str:
        """56 digits, as CloudWatch's are."""
        return f"{self.timestamp:020d}{self.number:036d}"


@dataclass(slots=True)
class Group:
    """A log group."""

    name: str
    created: int
    streams: dict[str, int] = field(default_factory=dict)
    """Name → when it was created."""
    lines: list[Line] = field(default_factory=list)
    """Visible ones, sorted."""
    stored_bytes: int = 0


class LogStore:
    """Every log group of one account and region."""

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        self._most_lines = most_lines
        self.groups: dict[str, Group] = {}
        self._arriving: deque[tuple[float, Group, list[Line]]] = deque()
        self._late: list[tuple[float, Group, list[Line]]] = []
        self._number = 0
        self._kept = 0
        self.dropped = 0
        """Lines that were forgotten because there were too many."""

    def put(
        self,
        group: Group,
        stream: str,
        events: Iterable[tuple[int, str]],
        now: float,
        visible_at: float,
        *,
        late: bool = False,
    ) -> None:
        """Store (milliseconds, message) pairs that become visible at a moment; `late` ones may be overtaken."""
        lines = []
        for timestamp, message in events:
            self._number += 1
            lines.append(Line(timestamp, self._number, stream, message, int(now * 1000)))
            group.stored_bytes += len(message) + 26
        (self._late if late else self._arriving).append((visible_at, group, lines))

    def settle(self, now: float) -> None:
        """Make visible what has arrived by now."""
        while self._arriving and self._arriving[0][0] <= now:
            _, group, lines = self._arriving.popleft()
            self._add(group, lines)
        if self._late:
            for visible_at, group, lines in self._late:
                if visible_at <= now:
                    self._add(group, lines)
            self._late = [entry for entry in self._late if entry[0] > now]

    def between(self, group: Group, start: int, end: int, after: tuple[int, int] | None) -> Iterator[Line]:
        """Visible lines of [start, end] in milliseconds, in order, behind a (timestamp, number)."""
        first = Line(start, 0, "", "", 0)
        if after is not None and after >= (start, 0):
            first = Line(after[0], after[1] + 1, "", "", 0)
        lines = group.lines
        for index in range(bisect_left(lines, first), len(lines)):
            line = lines[index]
            if line.timestamp > end:
                return
            yield line

    def _add(self, group: Group, lines: Sequence[Line]) -> None:
        for line in lines:
            if group.lines and line < group.lines[-1]:
                insort(group.lines, line)
            else:
                group.lines.append(line)
        self._kept += len(lines)
        if self._kept > self._most_lines:
            fullest = max(self.groups.values(), key=lambda each: len(each.lines))
            surplus = len(fullest.lines) // 4
            del fullest.lines[:surplus]
            self._kept -= surplus
            self.dropped += surplus
