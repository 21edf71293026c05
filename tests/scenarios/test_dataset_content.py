import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from scenarios.metrics.dataset.content import BLOCK, HOUR_WEIGHTS, Content

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = struct.Struct("!hiqiqidiiiiih")
"""As COPY's binary format has it: the number of fields, then each field's length and value."""


def events(content, *blocks):
    """(id, microseconds, value, tenant, session, metric) of the events of some blocks."""
    for block in blocks:
        for fields in ROW.iter_unpack(content.block(block)):
            assert fields[0] == 6 and fields[1::2] == (8, 8, 8, 4, 4, 2)
            yield fields[2::2]


@pytest.fixture(scope="module")
def content():
    return Content(1_000_000, 1, UNTIL)


@pytest.fixture(scope="module")
def sample(content):
    return list(events(content, *range(0, content.blocks, 10)))


def test_a_block_is_the_same_whenever_it_is_made(content):
    other = Content(1_000_000, 1, UNTIL)
    assert other.block(7) == content.block(7)
    assert content.block(7) == content.block(7)
    assert Content(1_000_000, 2, UNTIL).block(7) != content.block(7)


def test_blocks_hold_exactly_the_rows(content):
    content = Content(2 * BLOCK + 1, 1, UNTIL)
    ids = [event[0] for event in events(content, *range(content.blocks))]
    assert ids == list(range(1, 2 * BLOCK + 2))


def test_tenants_are_zipf_distributed(content):
    shares = Counter(content.session_tenants)
    assert content.tenants == 1000
    # 1 / H(1000) = 13.4 %, half of it, a third
    for rank in (1, 2, 3):
        assert shares[rank] / content.sessions == pytest.approx(0.1336 / rank, rel=0.15)


def test_times_are_of_the_last_30_days_in_order_and_busy_by_day(content, sample):
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    times = [epoch + timedelta(microseconds=event[1]) for event in sample]
    assert times == sorted(times)
    assert UNTIL - timedelta(days=30) <= times[0] and times[-1] < UNTIL
    by_hour = Counter(content.time_of(event) // 3_600_000_000 % 24 for event in range(0, content.rows, 97))
    assert by_hour[10] / by_hour[3] == pytest.approx(HOUR_WEIGHTS[10] / HOUR_WEIGHTS[3], rel=0.05)


def test_values_are_skewed_as_lognormal_ones_are(sample):
    values = [event[2] for event in sample if event[5] == 1]
    assert median(values) == pytest.approx(2.718**1.25, rel=0.05)
    assert mean(values) / median(values) == pytest.approx(2.718 ** (0.6**2 / 2), rel=0.05)


def test_an_event_has_its_sessions_tenant(content, sample):
    assert all(content.session_tenants[session - 1] == tenant for _, _, _, tenant, session, _ in sample)


@pytest.mark.parametrize("rows", [1, 99, 1000, 1001, 12_345])
def test_any_number_of_rows_can_be_made(rows):
    content = Content(rows, 3, UNTIL)
    assert sum(1 for _ in events(content, *range(content.blocks))) == rows
    assert len(list(content.session_rows())) == content.sessions == len(content.session_tenants)
