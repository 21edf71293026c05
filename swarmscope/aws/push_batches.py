"""Splits data into calls of PutMetricData: at most 1,000 data and 1 MB each. No I/O.

AWS does not say whether its 1 MB is measured before or after gzip. Amazon's own CloudWatch agent holds the body
before compression to 999,000 bytes and asks nothing of the compression; so do we, and compression (which botocore
does by itself from 10 kB on) can only make it smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from swarmscope.aws.push_data import Datum

MOST_DATA = 1000
MOST_BYTES = 950_000
"""Of a body before compression, by a generous estimate."""

_BYTES = {"json": (32, 10), "smithy-rpc-v2-cbor": (9, 9), "query": (90, 70)}
"""Protocol of the client → most bytes of a value and of a count, separators (for query: names) included."""
_AROUND = 250
"""Bytes of a datum without its values, dimensions and names."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The data of one call."""

    data: tuple[Datum, ...]
    body_bytes: int
    """Estimated from above."""

    @property
    def values(self) -> int:
        """All values of all data: what the batch takes of memory."""
        return sum(len(datum.values) for datum in self.data)


def body_bytes(datum: Datum, protocol: str) -> int:
    """At most so many bytes of a body are about this datum."""
    value, count = _BYTES.get(protocol, _BYTES["query"])
    texts = sum(len(name) + len(text) for name, text in datum.dimensions) + len(datum.metric)
    # As JSON, a quote or backslash is two characters; as query, some characters are three.
    return _AROUND + 3 * texts + 80 * len(datum.dimensions) + (value + count) * len(datum.values)


def batches_of(
    data: Iterable[Datum], protocol: str, most_data: int = MOST_DATA, most_bytes: int = MOST_BYTES
) -> Iterator[Batch]:
    """Calls that together say all of it, in order."""
    part: list[Datum] = []
    size = 0
    for datum in data:
        more = body_bytes(datum, protocol)
        if part and (len(part) == most_data or size + more > most_bytes):
            yield Batch(tuple(part), size)
            part, size = [], 0
        part.append(datum)
        size += more
    if part:
        yield Batch(tuple(part), size)
