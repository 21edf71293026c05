"""What a scraper says that it can unpack. No I/O."""

from __future__ import annotations


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for offer in accept_encoding.split(","):
        coding, _, parameters = offer.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            quality = parameters.strip().lower().removeprefix("q=").strip()
            return quality.strip("0.") != "" or quality == ""
    return False
