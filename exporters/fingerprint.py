"""Turns an exception into a short label that is the same for every failure of one kind. No I/O.

Exception texts carry ids, addresses and numbers of the moment; as label values each would be a series of its own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

MAX_LENGTH = 80
_READ = 400  # characters of a text that are looked at: a response body may have been put into an exception

_PLACEHOLDERS = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>)\]]+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"), "<email>"),
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "<text>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)
_PASSED_THROUGH = frozenset(
    {"CatchResponseError", "ResponseError"}
)  # Locust's wrappers of a scenario's own words


def fingerprint(error: object) -> str:
    """The kind of failure, at most 80 characters: `HTTPError 503 Service Unavailable`, `KeyError: <text>`.

    `error` is what a request event carries: an exception, or (in some custom clients) a text.
    """
    if isinstance(error, str):
        return _of_text("", error[:_READ])
    status = _http_status(error)
    if status:
        return _of_status(status)
    kind = type(error).__name__
    return _of_text("" if kind in _PASSED_THROUGH else kind, str(error)[:_READ])


def _http_status(error: object) -> int:
    """The HTTP status that `requests`, `geventhttpclient` or `httpx` raised the error for; 0 for another error."""
    code = getattr(error, "code", None)  # geventhttpclient
    if code is None:
        code = getattr(getattr(error, "response", None), "status_code", None)
    return code if type(code) is int and 100 <= code <= 599 else 0


@lru_cache(maxsize=512)
def _of_status(status: int) -> str:
    try:
        return f"HTTPError {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTPError {status}"


@lru_cache(maxsize=1024)
def _of_text(kind: str, text: str) -> str:
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    label = ": ".join(part for part in (kind, text.strip()) if part) or "error"
    return label if len(label) <= MAX_LENGTH else label[: MAX_LENGTH - 1] + "…"
