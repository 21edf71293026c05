"""Which requests a target's pattern names, in Python and as PromQL label matchers. No I/O.

A pattern is `METHOD NAME` (`POST /events`), where `*` stands for any run of characters in either part, or `*`
alone for all requests together.
"""

from __future__ import annotations

import re
from functools import lru_cache

from swarmscope.targets.model import ALL_REQUESTS


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    method, _, name = pattern.partition(" ")
    return re.compile(_regex(method)), re.compile(_regex(name))


def _regex(glob: str) -> str:
    """RE2 and Python both read this; Prometheus anchors it, so the caller must use fullmatch."""
    return ".*".join(_escape(part) for part in glob.split("*"))


def _escape(text: str) -> str:
    # Not re.escape: it escapes characters that RE2 refuses to see escaped (a space, a slash in old versions).
    return re.sub(r"([\\.+?()|\[\]{}^$])", r"\\\1", text)


def matches(pattern: str, method: str, name: str) -> bool:
    """Whether the request `method name` is one that the pattern names."""
    if pattern == ALL_REQUESTS:
        return True
    by_method, by_name = _parts(pattern)
    return by_method.fullmatch(method) is not None and by_name.fullmatch(name) is not None


def is_literal(pattern: str) -> bool:
    """Whether the pattern names exactly one request, so that its series can exist before it is first sent."""
    return "*" not in pattern


def split(pattern: str) -> tuple[str, str]:
    """The method and name of a literal pattern."""
    method, _, name = pattern.partition(" ")
    return method, name


def promql_matchers(pattern: str) -> str:
    """Label matchers without braces: `method="POST",name=~"/events/.*"`; "" for all requests."""
    if pattern == ALL_REQUESTS:
        return ""
    method, _, name = pattern.partition(" ")
    matchers = (_matcher("method", method), _matcher("name", name))
    return ",".join(matcher for matcher in matchers if matcher)


def _matcher(label: str, glob: str) -> str:
    if glob == "*":
        return ""
    operator, value = ("=~", _regex(glob)) if "*" in glob else ("=", glob)
    return f"{label}{operator}{quote(value)}"


def quote(value: str) -> str:
    """A PromQL string literal."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
