"""Texts that must have a form: request patterns, queries, addresses, names of variables. No I/O.

Like the units, each function returns what may stand behind the door or raises NotUnderstood or Refused.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from swarmscope.targets.model import ALL_REQUESTS
from swarmscope.targets.nearest import nearest
from swarmscope.targets.units import NotUnderstood, Refused

A_REQUEST = 'a request such as POST /events, or "*" for all'
A_QUERY = "a PromQL query"
AN_ADDRESS = "an address such as https://api.example.com"
A_VARIABLE = "the name of an environment variable such as API_KEY"

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_VARIABLE = r"[A-Z_][A-Z0-9_]*"
_LONGEST_VARIABLE = 80
_MOST_SHOWN = 60
_RUN_MATCHER = re.compile(r"""\brun\s*=~?\s*(["'`])\$run\1""")


def parse_request(text: str) -> str:
    """A request pattern: `METHOD NAME` with `*` as wildcard in either, or `*` alone."""
    if text == ALL_REQUESTS:
        return text
    method, _, name = text.partition(" ")
    if text.startswith("/"):
        raise NotUnderstood(A_REQUEST, f"put the method before it: GET {text[:_MOST_SHOWN]}")
    if not text.isprintable() or not method or not name or name != name.strip():
        raise NotUnderstood(A_REQUEST, "write the method, one space, and the name that Locust shows")
    if method not in _METHODS and method.upper() in _METHODS:
        raise NotUnderstood(
            A_REQUEST, f"Locust writes methods in capitals: {method.upper()} {name[:_MOST_SHOWN]}"
        )
    return text


def parse_query(text: str) -> str:
    """A PromQL query, in which `$run` and `$window` may stand; Prometheus judges the rest of it."""
    # A named group may be used by label_replace as $name.
    for word in () if "(?P<" in text else re.findall(r"\$([A-Za-z_]+)", text):
        if word not in ("run", "window"):
            near = nearest(word, ("run", "window"))
            raise Refused(
                f"${word} stands for nothing: only $run and $window do",
                f"did you mean ${near}?" if near else "",
            )
    if re.search(r"\$run\b", _RUN_MATCHER.sub("", text)):
        raise Refused(
            'expected $run only as run="$run", since an alert watches all runs at once',
            'write the label matcher run="$run", or leave it out',
        )
    return text.strip()


def parse_address(text: str) -> str:
    """The address of a service, without a slash at its end; one with a password in it is refused and not shown."""
    if "@" in text:
        raise Refused("expected an address without user name and password", "name secrets under credentials")
    if "://" not in text:
        scheme = "http" if re.match(r"localhost|127\.|\[", text) else "https"
        raise NotUnderstood(AN_ADDRESS, f"put the scheme before it: {scheme}://{text[:_MOST_SHOWN]}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise NotUnderstood(AN_ADDRESS, "the port is a number up to 65535") from None
    if parts.scheme not in ("http", "https"):
        raise NotUnderstood(AN_ADDRESS, "the scheme is http or https")
    if not parts.hostname or port == 0 or re.search(r"[\s{}$\\]", text) or not text.isprintable():
        raise NotUnderstood(AN_ADDRESS)
    if "?" in text or "#" in text:
        raise NotUnderstood(AN_ADDRESS, "what follows the path belongs to the scenario's requests")
    return text.rstrip("/")


def parse_variable(text: str) -> str:
    """The name of an environment variable. What is refused is never shown: it may be the secret itself."""
    if match := re.fullmatch(rf"\$({_VARIABLE})|\$\{{({_VARIABLE})\}}", text):
        name = match[1] or match[2]
        if not _looks_secret(name):
            raise Refused(f"expected {A_VARIABLE}, without $", f"write {name}")
    if not re.fullmatch(_VARIABLE, text) or _looks_secret(text):
        raise Refused(
            f"expected {A_VARIABLE}, got what may be the secret itself",
            "put the secret into an environment variable, and here the variable's name, in capitals",
        )
    return text


def _looks_secret(name: str) -> bool:
    """Many capitals and digits without a break are an access key rather than a name."""
    digits = sum(character.isdigit() for character in name)
    unbroken = len(name) >= 16 and "_" not in name
    return len(name) > _LONGEST_VARIABLE or (unbroken and (digits >= 2 or name[:4] in ("AKIA", "ASIA")))
