import pytest

from reference.aws.errors import AwsError
from reference.aws.log_patterns import matcher

REPORT = "REPORT RequestId: 1\tDuration: 2.00 ms\tInit Duration: 3.00 ms\t"


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ("  ", True),
        ("REPORT", True),
        ("report", False),
        ('"Init Duration"', True),
        ('"Init  Duration"', False),
        ('REPORT "Init Duration"', True),
        ("REPORT Restore", False),
        ('REPORT -"Init Duration"', False),
        ("REPORT -Restore", True),
        ('?"Restore Duration" ?"Init Duration"', True),
        ("?initDurationMs ?Restore", False),
        ('"RequestId: 1"', True),
        (r'"a \"b\""', False),
    ],
)
def test_terms_phrases_exclusions_and_alternatives(pattern: str, matches: bool) -> None:
    assert matcher(pattern)(REPORT) is matches


def test_quotes_within_a_phrase() -> None:
    assert matcher(r'"\"type\":\"platform.report\""')('{"type":"platform.report"}')


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ('{ $.type = "platform.report" }', "NotSupportedByStandIn"),
        ("[ip, user, ...]", "NotSupportedByStandIn"),
        ("%Init.*%", "NotSupportedByStandIn"),
        ("?a b", "NotSupportedByStandIn"),
        ("Init-Duration", "InvalidParameterException"),
        ('"unfinished', "InvalidParameterException"),
        ("a:b", "InvalidParameterException"),
    ],
)
def test_what_is_no_pattern_here_is_refused(pattern: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        matcher(pattern)
    assert caught.value.code == code
