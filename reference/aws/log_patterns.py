"""Filter patterns of FilterLogEvents: terms, quoted phrases, `-term`, and `?a ?b`. No I/O.

JSON, regular expressions and space-delimited patterns are refused; so is what mixes `?` with other terms, which
CloudWatch documents as ignoring the optional ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from reference.aws.errors import AwsError, not_supported

Matches = Callable[[str], bool]
_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\w+))(?=\s|$)', re.ASCII)


def matcher(pattern: str) -> Matches:
    """A function that says whether a message matches; raises AwsError."""
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text[0] in "{[":
        raise not_supported("JSON and space-delimited filter patterns")
    if "%" in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        raise not_supported("regular expressions in filter patterns")
    wanted: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise AwsError(
                "InvalidParameterException", f"Invalid character(s) in term {text[position:].strip()!r}"
            )
        sign, phrase, term = found.groups()
        wanted[sign].append(term if term is not None else re.sub(r"\\(.)", r"\1", phrase))
        position = found.end()
    if wanted["?"]:
        if wanted[""] or wanted["-"]:
            raise not_supported("filter patterns that mix ?optional terms with others")
        return lambda message: any(term in message for term in wanted["?"])
    return lambda message: (
        all(term in message for term in wanted[""]) and not any(term in message for term in wanted["-"])
    )
