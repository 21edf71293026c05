"""A run as GitHub-flavoured Markdown, fit for a job summary and a pull request. No I/O."""

from __future__ import annotations

import re

from swarmscope.report.blocks import Block, Bullets, Column, Look, Table
from swarmscope.report.sections import outcome, sections, title
from swarmscope.run_result import RunResult

_MARKS = {"PASS": "✅", "FAIL": "❌", "INVALID": "🚫", "NO DATA": "❔"}
_SPECIAL = re.compile(r"[\\`*_\[\]<>|#~&@]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def markdown_report(result: RunResult) -> str:
    """The text of report.md."""
    lines = [f"# {_MARKS[result.verdict]} {_text(title(result))}", "", _text(outcome(result))]
    for section in sections(result):
        lines += ["", f"## {_text(section.title)}"]
        for block in section.blocks:
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Bullets):
        return [f"- {_text(item)}" for item in block.items]
    return [_text(block.text)]


def _table(table: Table) -> list[str]:
    lines = [
        _cells([_text(column.title) for column in table.columns]),
        _cells(["---:" if column.look is Look.NUMBER else "---" for column in table.columns]),
    ]
    for row in table.rows:
        lines.append(_cells([_cell(column, text) for column, text in zip(table.columns, row, strict=True)]))
    if table.left_out:
        lines += ["", f"… and {table.left_out:,} more, in result.json."]
    return lines


def _cells(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _cell(column: Column, text: str) -> str:
    if column.look is Look.STATUS:
        return f"{_MARKS[text]} {text}"
    return _code(text) if column.look is Look.CODE else _text(text)


def _text(text: str) -> str:
    return _SPECIAL.sub(_escaped, _CONTROL.sub(" ", text))


def _escaped(found: re.Match[str]) -> str:
    # @ would mention somebody, and < and & are HTML's whatever precedes them.
    return {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}.get(found[0], f"\\{found[0]}")


def _code(text: str) -> str:
    """A code span; a fence longer than any run of backticks inside; pipes escaped, as tables want it even there."""
    flat = _CONTROL.sub(" ", text).replace("|", "\\|")
    if not flat.strip():
        return flat
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    space = " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}"
