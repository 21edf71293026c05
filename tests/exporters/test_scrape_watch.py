"""Who has scraped the page, told with a clock that the test turns."""

from __future__ import annotations

import pytest

from exporters.scrape_watch import ScrapeWatch

PROMETHEUS = "Prometheus/2.42.0"


def scraped(watch: ScrapeWatch, began: float, took: float = 0.1, address: str = "10.0.0.1") -> None:
    scrape = watch.began(address, PROMETHEUS, began)
    assert scrape is not None
    watch.ended(scrape, began + took, sent=True)


def test_a_browser_or_curl_is_not_a_scraper() -> None:
    watch = ScrapeWatch()
    assert watch.began("10.0.0.1", "curl/8.5.0", 1.0) is None
    assert watch.began("10.0.0.1", "", 1.0) is None
    assert (watch.seen, watch.alive(1.0), watch.interval()) == (False, False, None)


def test_an_agent_that_names_its_timeout_is_a_scraper() -> None:
    watch = ScrapeWatch()
    scrape = watch.began("10.0.0.1", "vm_promscrape", 1.0, timeout=10.0)
    assert scrape is not None
    watch.ended(scrape, 1.5, sent=True)
    assert watch.seen


def test_only_a_scrape_that_began_after_the_moment_has_its_state() -> None:
    watch = ScrapeWatch()
    scraped(watch, 1.0)
    before = watch.began("10.0.0.1", PROMETHEUS, 2.0)
    assert before is not None
    watch.ended(before, 2.9, sent=True)
    assert not watch.has_state_of(2.5, 3.0)
    scraped(watch, 3.0)
    assert watch.has_state_of(2.5, 3.1)
    assert watch.anyone_has_state_of(2.5)


def test_a_scrape_that_broke_off_or_came_too_late_stored_nothing() -> None:
    watch = ScrapeWatch()
    broken = watch.began("10.0.0.1", PROMETHEUS, 2.0)
    assert broken is not None
    watch.ended(broken, 2.1, sent=False)
    late = watch.began("10.0.0.1", PROMETHEUS, 3.0, timeout=0.9)
    assert late is not None
    watch.ended(late, 4.0, sent=True)
    assert not watch.seen
    assert not watch.anyone_has_state_of(1.0)


def test_the_interval_is_the_usual_one() -> None:
    watch = ScrapeWatch()
    scraped(watch, 0.0)
    assert watch.interval() is None
    for began in (1.0, 2.0, 3.0, 9.0, 10.0):
        scraped(watch, began)
    assert watch.interval() == 1.0


def test_two_prometheus_are_not_one_in_a_hurry_and_both_must_have_the_state() -> None:
    watch = ScrapeWatch()
    for began in (0.0, 10.0, 20.0):
        scraped(watch, began, address="10.0.0.1")
        scraped(watch, began + 5, address="10.0.0.2")
    assert watch.interval() == 10.0
    scraped(watch, 30.0, address="10.0.0.1")
    assert not watch.has_state_of(26.0, 31.0)
    scraped(watch, 35.0, address="10.0.0.2")
    assert watch.has_state_of(26.0, 36.0)


def test_a_prometheus_that_went_away_is_not_waited_for() -> None:
    watch = ScrapeWatch()
    for began in (0.0, 1.0, 2.0):
        scraped(watch, began, address="10.0.0.1")
    for began in (0.0, 1.0, 2.0, 3.0, 7.0, 8.0, 9.0):
        scraped(watch, began, address="10.0.0.2")
    assert watch.has_state_of(8.5, 9.2)


@pytest.mark.parametrize(
    ("begins", "alive_until"),
    [
        ((10.0,), 25.1),  # seen once: 15 s
        ((9.0, 10.0), 15.1),  # every second: at least 5 s
        ((0.0, 10.0), 40.1),  # every 10 s: three intervals
    ],
)
def test_a_scraper_is_given_up_after_three_intervals(begins: tuple[float, ...], alive_until: float) -> None:
    watch = ScrapeWatch()
    for began in begins:
        scraped(watch, began)
    assert watch.alive(alive_until - 0.01)
    assert not watch.alive(alive_until + 0.01)


def test_a_scrape_under_way_keeps_its_scraper_alive() -> None:
    watch = ScrapeWatch()
    scrape = watch.began("10.0.0.1", PROMETHEUS, 0.0)
    assert scrape is not None
    assert watch.alive(1000.0)
    watch.ended(scrape, 1000.0, sent=True)
    assert not watch.alive(1016.0)


def test_addresses_that_come_and_go_do_not_fill_the_memory() -> None:
    watch = ScrapeWatch()
    for number in range(1000):
        scraped(watch, number * 10.0, address=f"10.0.{number // 250}.{number % 250}")
    assert len(watch._scrapers) <= 16
    assert watch.has_state_of(9985.0, 9996.0)


def test_too_many_scrapers_at_once_are_answered_but_not_followed() -> None:
    watch = ScrapeWatch()
    followed = [watch.began(f"10.0.0.{number}", PROMETHEUS, 0.0) for number in range(20)]
    assert [scrape is not None for scrape in followed] == [True] * 16 + [False] * 4
