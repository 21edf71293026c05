"""Reads YAML into plain values that remember their lines and how they were written. No I/O.

The nodes are read, not the values that YAML 1.1 makes of them: `on` would be True, `1:30` ninety, `010` eight and
`0.10` would lose its zero. What a scalar means is decided by the field that it fills.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from swarmscope.errors import ConfigurationError, Problem

Path = tuple[str | int, ...]
"""Keys and positions from the top: `("targets", 2, "p95")`."""

MOST_VALUES = 20_000
"""No honest file has more; aliases of aliases can."""
MOST_DEPTH = 20

_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, Literal["number", "truth", "nothing"]] = {
    f"{_TAG}int": "number",
    f"{_TAG}float": "number",
    f"{_TAG}bool": "truth",
    f"{_TAG}null": "nothing",
}
_MERGE = f"{_TAG}merge"
_KNOWN_TAGS = frozenset(
    {*_KINDS, _MERGE, f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq"}
)


class Scalar(str):
    """A scalar exactly as it was written; `kind` is what YAML 1.1 takes it for when it is not quoted."""

    __slots__ = ("kind",)
    kind: Literal["text", "number", "truth", "nothing"]

    @classmethod
    def of(cls, node: yaml.ScalarNode) -> Scalar:
        """The scalar of a YAML node."""
        scalar = cls(node.value)
        # A node in quotes was resolved as text already.
        scalar.kind = _KINDS.get(node.tag, "text")
        return scalar


@dataclass(slots=True)
class Document:
    """A YAML document: dicts, lists and Scalars, the line of each, and what was wrong with the YAML itself."""

    source: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """A problem at this path, or at the nearest line above it that is known."""
        line = next(
            (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), None
        )
        return Problem(self.source, path_text(path), message, hint, line)


def path_text(path: Path) -> str:
    """`targets[2].p95`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _short(tag: str) -> str:
    """A tag as it is written: `!!set`."""
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def read_yaml(text: str, source: str) -> Document:
    """Read one document of keys and values; raises ConfigurationError where there is none."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError([_syntax_problem(error, source)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{error.character:04X} cannot stand in YAML"
        raise ConfigurationError([Problem(source, "", message, line=line)]) from error
    except RecursionError:
        raise ConfigurationError([Problem(source, "", "is nested too deeply")]) from None
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"):
        raise ConfigurationError(
            [Problem(source, "", "the file is empty", "docs/targets.md shows what belongs in it")]
        )
    document = Document(source)
    document.value = _Reader(document).read(node, ())
    if not isinstance(document.value, dict):
        found = "a list" if isinstance(document.value, list) else "a text"
        document.problems.append(
            Problem(source, "", f"expected keys and values, got {found}", line=node.start_mark.line + 1)
        )
        raise ConfigurationError(document.problems)
    return document


def _syntax_problem(error: yaml.MarkedYAMLError, source: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = None if mark is None else mark.line + 1
    what, context = error.problem or "cannot be read", error.context or ""
    if what.startswith("but "):
        what = f"{context}, {what}"
    hint = ""
    if "\\t" in what:
        hint = "indent with spaces"
    elif "mapping values are not allowed" in what:
        hint = "a text with a colon needs quotes"
    elif "alias" in what or "alias" in context:
        hint = 'a text that starts with * needs quotes: "*"'
    return Problem(source, "", f"is not valid YAML: {what}", hint, line)


class _Reader:
    """Turns nodes into values, noting lines and problems in the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[yaml.Node] = []
        self._count = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if self._count > MOST_VALUES:
            self._refuse(f"has more than {MOST_VALUES} values")
        if len(self._open) >= MOST_DEPTH:
            self._refuse("is nested too deeply")
        if any(node is above for above in self._open):
            self._refuse("an alias stands inside of what it stands for", path)
        if node.tag not in _KNOWN_TAGS:
            self._note(path, f"the tag {_short(node.tag)} means nothing here", "remove it")
        if isinstance(node, yaml.ScalarNode):
            return Scalar.of(node)
        self._open.append(node)
        value = (
            self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        )
        self._open.pop()
        return value

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                # Of several, the first that has a key wins.
                merged = self._merged(value_node, path) | merged
                continue
            key = self._key(key_node, path, line)
            if key is None:
                continue
            here = (*path, key)
            if key in values:
                first = self._document.lines[here]
                self._document.problems.append(
                    Problem(
                        self._document.source,
                        path_text(here),
                        f"stands twice, first in line {first}",
                        "YAML would silently keep only one of them",
                        line,
                    )
                )
                continue
            self._document.lines[here] = line
            values[key] = self.read(value_node, here)
        return merged | values

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What `<<: *base` brings in; its lines are those of the base."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in sources:
            value = self.read(source, path) if isinstance(source, yaml.MappingNode) else None
            if value is None:
                self._note(
                    path, "<< needs keys and values to bring in", "<<: *name, with &name where they stand"
                )
            else:
                found = value | found
        return found

    def _key(self, node: yaml.Node, path: Path, line: int) -> Scalar | None:
        if not isinstance(node, yaml.ScalarNode):
            problem, hint = "a key must be plain text", ""
        elif node.tag not in _KNOWN_TAGS:
            problem, hint = f"the tag {_short(node.tag)} means nothing here", "remove it"
        else:
            problem, hint = "", ""
        if problem:
            self._document.problems.append(
                Problem(self._document.source, path_text(path), problem, hint, line)
            )
        # A key that is told of is kept: what it holds is not missing.
        return Scalar.of(node) if isinstance(node, yaml.ScalarNode) else None

    def _note(self, path: Path, message: str, hint: str = "") -> None:
        self._document.problems.append(self._document.problem(path, message, hint))

    def _refuse(self, message: str, path: Path = ()) -> None:
        self._note(path, message)
        raise ConfigurationError(self._document.problems)
