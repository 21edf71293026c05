import pytest

from exporters.report_interval import report_interval


@pytest.mark.parametrize(
    ("workers", "seconds"), [(0, 1.0), (1, 1.0), (50, 1.0), (51, 1.02), (100, 2.0), (500, 10.0)]
)
def test_a_master_never_gets_more_than_fifty_reports_a_second(workers, seconds):
    assert report_interval(workers) == pytest.approx(seconds)
    assert workers / report_interval(workers) <= 50
