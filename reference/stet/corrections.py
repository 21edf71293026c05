"""Corrections: what a valid one is, how it is stored exactly once, and the facts and history that it makes.

A fact is the newest correction of a field. A trigger keeps the facts, so that a correction and its fact are one
statement, and so one transaction, on both kinds of database; reading a subject's facts is one range of one index,
however long the history is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from reference.database import Database, DatabaseError, Row
from reference.ids import SortableIds
from reference.stet.reading import Reader, matches, written

CLASS = r"^[A-Z][A-Z0-9_]{0,31}$"
LONGEST_KEY = 255
MOST_READERS = 100
MOST_FACTS = 1000
"""On one page, and the default: a subject rarely has more."""
MOST_HISTORY = 100
DEFAULT_HISTORY = 50

_FACT = "tenant, subject_type, subject_id, field_key, correction_id, value, class_name, readers, created_at"
_TABLES = (
    """CREATE TABLE IF NOT EXISTS corrections (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        subject_type TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        field_key TEXT NOT NULL,
        value TEXT NOT NULL,
        class_name TEXT NOT NULL,
        readers TEXT NOT NULL,
        actor_type TEXT NOT NULL,
        actor_id TEXT NOT NULL,
        idempotency_key TEXT,
        fingerprint TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        UNIQUE (tenant, idempotency_key)
    )""",
    "CREATE INDEX IF NOT EXISTS corrections_history ON corrections (tenant, subject_type, subject_id, id)",
    "CREATE INDEX IF NOT EXISTS corrections_latest ON corrections (tenant, created_at)",
    """CREATE TABLE IF NOT EXISTS facts (
        tenant TEXT NOT NULL,
        subject_type TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        field_key TEXT NOT NULL,
        correction_id TEXT NOT NULL,
        value TEXT NOT NULL,
        class_name TEXT NOT NULL,
        readers TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (tenant, subject_type, subject_id, field_key)
    )""",
)
# Of two corrections of a field that are stored at the same time, the one with the later id wins on every server.
_MAKE_FACT = f"""INSERT INTO facts ({_FACT})
    VALUES ({", ".join(f"NEW.{name}" for name in _FACT.replace("correction_id", "id").split(", "))})
    ON CONFLICT (tenant, subject_type, subject_id, field_key) DO UPDATE SET
        correction_id = excluded.correction_id, value = excluded.value, class_name = excluded.class_name,
        readers = excluded.readers, created_at = excluded.created_at
    WHERE excluded.correction_id > facts.correction_id;"""  # noqa: S608  # our own words
_TRIGGER = {
    "sqlite": (
        f"CREATE TRIGGER IF NOT EXISTS correction_becomes_fact AFTER INSERT ON corrections BEGIN {_MAKE_FACT} END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION correction_becomes_fact() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {_MAKE_FACT} RETURN NULL; END $$",
        "CREATE OR REPLACE TRIGGER correction_becomes_fact AFTER INSERT ON corrections "
        "FOR EACH ROW EXECUTE FUNCTION correction_becomes_fact()",
    ),
}
FORGET = ("DROP TABLE IF EXISTS corrections", "DROP TABLE IF EXISTS facts")


def schema(kind: str) -> Sequence[str]:
    """The statements that create what is missing in this kind of database."""
    return (*_TABLES, *_TRIGGER[kind])


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """A valid correction, as a client sent it."""

    subject_type: str
    subject_id: str
    field_key: str
    value: str
    """JSON text, ASCII only."""
    class_name: str
    readers: tuple[str, ...]
    actor_type: str
    actor_id: str
    idempotency_key: str | None

    @property
    def fingerprint(self) -> str:
        """The same for the same correction, however its JSON was written."""
        parts = (
            self.subject_type,
            self.subject_id,
            self.field_key,
            self.value,
            self.class_name,
            self.readers,
        )
        return hashlib.sha256(json.dumps((*parts, self.actor_type, self.actor_id)).encode()).hexdigest()


def parse_correction(document: Any, reader: Reader) -> NewCorrection | None:
    """Read a request's JSON; None when the reader found problems."""
    names = ("subject", "field_key", "value", "class", "permissions", "actor", "idempotency_key")
    body = reader.members("", document, names)
    if not isinstance(document, dict):
        return None
    subject = reader.members("subject", body.get("subject"), ("type", "id"))
    actor = reader.members("actor", body.get("actor"), ("type", "id"))
    permissions = reader.members("permissions", body.get("permissions"), ("readers",))
    value = ""
    if "value" not in body:
        reader.problems.append("value: expected any JSON value")
    else:
        try:
            # Sorted, so that the order of an object's members does not make it another correction.
            value = json.dumps(body["value"], separators=(",", ":"), sort_keys=True, allow_nan=False)
        except ValueError:
            reader.problems.append("value: expected numbers that fit into 64 bits of floating point")
    readers = permissions.get("readers")
    if not isinstance(readers, list) or not 1 <= len(readers) <= MOST_READERS:
        reader.problems.append(f"permissions.readers: expected a list of 1 to {MOST_READERS} ids")
        readers = []
    class_name = body.get("class")
    if not isinstance(class_name, str) or not matches(CLASS, class_name):
        reader.problems.append("class: expected 1 to 32 capitals, digits or _, such as FACT")
    key = body.get("idempotency_key")
    if key is not None and not _is_key(key):
        reader.problems.append(f"idempotency_key: expected 1 to {LONGEST_KEY} visible ASCII characters")
    correction = NewCorrection(
        subject_type=reader.identifier("subject.type", subject.get("type")),
        subject_id=reader.identifier("subject.id", subject.get("id")),
        field_key=reader.identifier("field_key", body.get("field_key")),
        value=value,
        class_name=str(class_name),
        readers=tuple(reader.identifier(f"permissions.readers[{i}]", each) for i, each in enumerate(readers)),
        actor_type=reader.identifier("actor.type", actor.get("type")),
        actor_id=reader.identifier("actor.id", actor.get("id")),
        idempotency_key=key,
    )
    return None if reader.problems else correction


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and 1 <= len(key) <= LONGEST_KEY and all("!" <= each <= "~" for each in key)


@dataclass(frozen=True, slots=True)
class Question:
    """Whose facts or history are asked for, and by whom."""

    tenant: str
    subject_type: str
    subject_id: str
    requester: str

    @property
    def pair(self) -> str:
        """The subject, as JSON."""
        return _pair(self.subject_type, self.subject_id)

    @property
    def needle(self) -> str:
        """What the stored readers of everything that the requester may see contain."""
        return f" {self.requester} "


class Outcome(Enum):
    """What became of a correction that was sent."""

    STORED = auto()
    REPLAYED = auto()
    CONFLICT = auto()


class CorrectionStore:
    """Corrections in the database. Every operation sees one tenant only."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._ids = SortableIds(now_ms)

    async def add(self, tenant: str, new: NewCorrection) -> tuple[Outcome, str]:
        """Store a correction unless its key is known; what happened, and the stored one as JSON ("": a conflict)."""
        correction_id, created_at = self._ids.next()
        readers = _stored_readers(new.readers)
        fingerprint = new.fingerprint
        stored = await self._database.write(
            "insert_correction",
            """INSERT INTO corrections (id, tenant, subject_type, subject_id, field_key, value, class_name, readers,
            actor_type, actor_id, idempotency_key, fingerprint, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (tenant, idempotency_key) DO NOTHING RETURNING id""",
            correction_id, tenant, new.subject_type, new.subject_id, new.field_key, new.value, new.class_name,
            readers, new.actor_type, new.actor_id, new.idempotency_key, fingerprint, created_at,
        )  # fmt: skip
        if stored:
            row = (correction_id, new.subject_type, new.subject_id, new.field_key, new.value, new.class_name)
            return Outcome.STORED, _as_json((*row, readers, new.actor_type, new.actor_id, created_at))
        # What held the insert back is committed by now, on both kinds of database.
        found = await self._database.fetch(
            "find_correction",
            f"SELECT fingerprint, {_COLUMNS} FROM corrections c WHERE tenant = ? AND idempotency_key = ?",  # noqa: S608
            tenant, new.idempotency_key,
        )  # fmt: skip
        if not found:
            raise DatabaseError("a correction was there and is gone: somebody has emptied the tables")
        known, *columns = found[0]
        return (Outcome.REPLAYED, _as_json(columns)) if known == fingerprint else (Outcome.CONFLICT, "")

    async def facts(self, asked: Question, limit: int, after: str) -> str:
        """The subject's facts that the requester may see, by field, as JSON.

        Where the newest correction of a field is hidden from the requester, the field is: an older value that was
        readable is no fact any more.
        """
        rows = await self._database.fetch(
            "list_facts",
            """SELECT field_key, value, class_name, correction_id, created_at FROM facts
            WHERE tenant = ? AND subject_type = ? AND subject_id = ? AND field_key > ?
            AND REPLACE(readers, ?, '') <> readers ORDER BY field_key LIMIT ?""",
            asked.tenant, asked.subject_type, asked.subject_id, after, asked.needle, limit + 1,
        )  # fmt: skip
        facts = ",".join(
            f'{{"field_key":"{row[0]}","value":{row[1]},"class":"{row[2]}","correction_id":"{row[3]}",'
            f'"version":"{written(row[4])}"}}'
            for row in rows[:limit]
        )
        return f'{{"subject":{asked.pair},"facts":[{facts}],{_following(rows, limit)}}}'

    async def history(self, asked: Question, limit: int, before: str) -> str:
        """The subject's corrections that the requester may see, newest first, as JSON."""
        rows = await self._database.fetch(
            "list_history",
            f"""SELECT {_COLUMNS}, f.correction_id FROM corrections c LEFT JOIN facts f ON f.correction_id = c.id
            AND f.tenant = c.tenant AND f.subject_type = c.subject_type AND f.subject_id = c.subject_id
            AND f.field_key = c.field_key
            WHERE c.tenant = ? AND c.subject_type = ? AND c.subject_id = ? AND c.id < ?
            AND REPLACE(c.readers, ?, '') <> c.readers ORDER BY c.id DESC LIMIT ?""",  # noqa: S608  # our own words
            asked.tenant, asked.subject_type, asked.subject_id, before or "g", asked.needle, limit + 1,
        )  # fmt: skip
        entries = ",".join(
            _as_json(row[:-1], "SUPERSEDED" if row[-1] is None else "ACTIVE") for row in rows[:limit]
        )
        return f'{{"subject":{asked.pair},"corrections":[{entries}],{_following(rows, limit)}}}'

    async def latest(self, tenant: str) -> int | None:
        """When the tenant's newest correction was made, in Unix milliseconds."""
        rows = await self._database.fetch(
            "latest_correction", "SELECT MAX(created_at) FROM corrections WHERE tenant = ?", tenant
        )
        return None if rows[0][0] is None else int(rows[0][0])


_COLUMNS = (
    "c.id, c.subject_type, c.subject_id, c.field_key, c.value, c.class_name, c.readers, c.actor_type, c.actor_id, "
    "c.created_at"
)


def _stored_readers(readers: Sequence[str]) -> str:
    # A space on either side of each: " bot:a " is found in it, and a part of a longer id is not.
    return f" {' '.join(readers)} "


def _following(rows: Sequence[Row], limit: int) -> str:
    following = f'"{rows[limit - 1][0]}"' if len(rows) > limit else "null"
    return f'"next_cursor":{following}'


def _pair(kind: str, name: str) -> str:
    return f'{{"type":"{kind}","id":"{name}"}}'


def _as_json(row: Row | list[Any], status: str = "") -> str:
    """Written by hand because the value is JSON text already; ids hold nothing that JSON would escape."""
    correction_id, kind, subject, field_key, value, class_name, readers, actor_kind, actor, created_at = row
    allowed = ",".join(f'"{reader}"' for reader in readers.split())
    moment = written(created_at)
    return (
        f'{{"id":"{correction_id}","version":"{moment}","subject":{_pair(kind, subject)},'
        f'"field_key":"{field_key}","value":{value},"class":"{class_name}",'
        f'"permissions":{{"readers":[{allowed}]}},"actor":{_pair(actor_kind, actor)},'
        + (f'"status":"{status}",' if status else "")
        + f'"created_at":"{moment}"}}'
    )
