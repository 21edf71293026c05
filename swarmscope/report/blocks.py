"""What a report is made of, whatever it is written in: sections of tables, lists and paragraphs. No I/O.

Markdown and HTML are two ways to write the same blocks, so they cannot say different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Look(Enum):
    """How a column's cells are meant."""

    TEXT = auto()
    CODE = auto()
    """Identifiers: request names, fingerprints of errors."""
    NUMBER = auto()
    STATUS = auto()
    """PASS, FAIL, INVALID or NO DATA."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and how its cells are meant."""

    title: str
    look: Look = Look.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain texts; `left_out` rows were too many to show."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of plain texts."""

    items: Sequence[str]


Block = Table | Paragraph | Bullets


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the report."""

    title: str
    blocks: Sequence[Block]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], most: int) -> Table:
    """A table of at most `most` rows."""
    return Table(columns, rows[:most], max(0, len(rows) - most))
