"""Knows which Prometheus scrapes the page, how often, and whether it has the state of a given moment. No I/O.

At the end of a run the last state must reach Prometheus before the page goes away, and before the first request
the zeros must, or `rate()` loses the first increments. Both are one question: has a scrape that *began* after
some moment been sent to its end? Times are seconds on a clock that never goes back, passed in by the caller.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

PROMETHEUS = "Prometheus/"
"""How its User-Agent starts. Agents built from its code say so by sending the scrape's timeout in a header.
A browser or curl that looks at the page does neither, and stores nothing."""
PATIENCE_INTERVALS = 3
PATIENCE_LEAST = 5.0
"""Seconds; a generator short of CPU answers late, which says nothing about the scraper."""
PATIENCE_UNKNOWN = 15.0
"""Seconds that a scraper seen only once is believed to come back."""
_REMEMBERED_INTERVALS = 5
_MAX_SCRAPERS = 16


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape that is under way."""

    scraper: str
    began: float
    timeout: float
    """Seconds after which the scraper throws the page away."""


@dataclass(slots=True)
class _Scraper:
    last_began: float
    last_sign: float
    under_way: int = 0
    has_state_of: float = float("-inf")
    """When the newest scrape began that was sent to its end, in time."""
    intervals: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_INTERVALS))

    @property
    def interval(self) -> float | None:
        return median(self.intervals) if self.intervals else None

    @property
    def believed_until(self) -> float:
        interval = self.interval
        if interval is None:
            return self.last_sign + PATIENCE_UNKNOWN
        return self.last_sign + max(PATIENCE_LEAST, PATIENCE_INTERVALS * interval)

    def is_alive(self, now: float) -> bool:
        return self.under_way > 0 or now <= self.believed_until


class ScrapeWatch:
    """Follows every Prometheus by its address, so that two of them are two and not one in a hurry."""

    def __init__(self) -> None:
        self._scrapers: dict[str, _Scraper] = {}
        self.seen = False
        """Whether any Prometheus has ever got the page to its end."""

    def began(self, address: str, user_agent: str, now: float, timeout: float | None = None) -> Scrape | None:
        """A scrape was asked for, to be sent within `timeout` seconds when the scraper says so.

        None when whoever asked does not store what it gets, and so is not followed.
        """
        if timeout is None and not user_agent.startswith(PROMETHEUS):
            return None
        name = f"{address} {user_agent}"
        scraper = self._scrapers.get(name)
        if scraper is None:
            self._forget_the_dead(now)
            if len(self._scrapers) >= _MAX_SCRAPERS:
                return None
            scraper = self._scrapers[name] = _Scraper(last_began=now, last_sign=now)
        else:
            scraper.intervals.append(now - scraper.last_began)
            scraper.last_began = scraper.last_sign = now
        scraper.under_way += 1
        return Scrape(name, now, float("inf") if timeout is None else timeout)

    def ended(self, scrape: Scrape, now: float, sent: bool) -> None:
        """A scrape is over; `sent` says whether its last byte went out. One that took too long stored nothing."""
        scraper = self._scrapers[scrape.scraper]
        scraper.under_way -= 1
        scraper.last_sign = now
        if sent and now - scrape.began <= scrape.timeout:
            scraper.has_state_of = max(scraper.has_state_of, scrape.began)
            self.seen = True

    def alive(self, now: float) -> bool:
        """Whether some Prometheus can still be expected to come back."""
        return any(scraper.is_alive(now) for scraper in self._scrapers.values())

    def interval(self) -> float | None:
        """Seconds between scrapes (median of the last few, of the most frequent scraper); None before two."""
        return min(
            (scraper.interval for scraper in self._scrapers.values() if scraper.interval is not None),
            default=None,
        )

    def has_state_of(self, moment: float, now: float) -> bool:
        """Whether every Prometheus that is still alive, and at least one, got a page that began after `moment`."""
        have = [scraper for scraper in self._scrapers.values() if scraper.has_state_of > moment]
        missing = [
            scraper
            for scraper in self._scrapers.values()
            if scraper.has_state_of <= moment and scraper.is_alive(now)
        ]
        return bool(have) and not missing

    def anyone_has_state_of(self, moment: float) -> bool:
        """Whether at least one Prometheus got a page that began after `moment`."""
        return any(scraper.has_state_of > moment for scraper in self._scrapers.values())

    def _forget_the_dead(self, now: float) -> None:
        for name in [name for name, scraper in self._scrapers.items() if not scraper.is_alive(now)]:
            del self._scrapers[name]
