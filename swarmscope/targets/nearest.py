"""Finds the word that somebody meant, for hints. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SYNONYMS = {
    "avg": "average",
    "duration": "run_time",
    "errors": "error_rate",
    "failure_rate": "error_rate",
    "hatch_rate": "spawn_rate",
    "mean": "average",
    "median": "p50",
    "p999": "p99.9",
    "throughput": "rps",
    "url": "host",
}
"""Words of other tools, for which the nearest by letters would be another."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is meant by `word`, or "" when none is near."""
    words = list(known)
    if _SYNONYMS.get(word.lower()) in words:
        return _SYNONYMS[word.lower()]
    by_lower = {name.lower(): name for name in reversed(words)}
    swapped = [name for name in by_lower if sorted(name) == sorted(word.lower())]
    if swapped:
        return by_lower[swapped[0]]
    found = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else ""


def suggestion(word: str, known: Iterable[str], what: str) -> str:
    """A hint: `did you mean baseline?`, or else `profiles are baseline and quick` with `what` being `profiles`."""
    words = list(known)
    found = nearest(word, words)
    if found:
        return f"did you mean {found}?"
    return f"{what} are {listed(words)}" if len(words) > 1 else "".join(f"the only one is {w}" for w in words)


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final
