"""The secret that the receiver shows Locust when a target stops a run: a variable, or a file that one names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from swarmscope.errors import ConfigurationError, Problem

VARIABLE = "SWARMSCOPE_STOP_TOKEN"
FILE_VARIABLE = "SWARMSCOPE_STOP_TOKEN_FILE"
"""Secrets of containers are files: a variable would be shown by `docker inspect`."""


def stop_token(environ: Mapping[str, str]) -> str:
    """The token, "" when there is none; raises ConfigurationError for a file that cannot be read."""
    path = environ.get(FILE_VARIABLE, "").strip()
    if not path:
        return environ.get(VARIABLE, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise ConfigurationError(
            [Problem(path, "", f"cannot be read: {reason}", f"{FILE_VARIABLE} names it")]
        ) from error
