"""Invented claims, drift events, uploads and reports of a customer: the same ones each time. No I/O.

Payers are made up. Later claims have higher ids and later dates, so that ordering by id is ordering by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from reference.database import Row

FIRST_DAY = date(2025, 1, 1)
DAYS = 365
IDS_PER_CUSTOMER = 100_000_000
"""Ids of a customer's rows start at its number times this: no two customers share one."""
DRIFT_EVENTS, UPLOADS, REPORTS = 300, 48, 60
"""Of each customer that has a year of claims."""

_PAYERS = {
    # payer: share of the claims, share of them denied, usual days until a decision
    "Northwind Health": (22, 0.09, 14),
    "Bluefield Mutual": (18, 0.12, 18),
    "Cedar Valley Plan": (13, 0.07, 11),
    "Harborline Care": (11, 0.16, 25),
    "Summit Employers": (9, 0.05, 9),
    "Prairie State Medicaid": (8, 0.19, 31),
    "Lakeshore Advantage": (6, 0.11, 16),
    "Ironwood Benefits": (5, 0.08, 12),
    "Coastal Senior Plan": (4, 0.14, 21),
    "Redstone Union Fund": (2, 0.06, 10),
    "Granite Direct": (1, 0.10, 15),
    "Willow Creek PPO": (1, 0.13, 19),
}
PAYERS = tuple(_PAYERS)
_CPTS = {
    # code: how often, and the usual amount in cents
    "99213": (20, 13_500), "99214": (16, 19_800), "99203": (7, 16_400), "99204": (5, 24_900),
    "99232": (5, 11_900), "99285": (4, 58_700), "36415": (8, 1_800), "80053": (6, 4_200),
    "85025": (5, 3_100), "93000": (4, 5_600), "71046": (3, 9_400), "73721": (2, 118_000),
    "70553": (2, 164_000), "45378": (2, 132_000), "43239": (1, 121_500), "27447": (1, 1_985_000),
    "97110": (4, 7_900), "97140": (2, 7_100), "90837": (2, 18_300), "J1885": (1, 2_600),
}  # fmt: skip
CPTS = tuple(_CPTS)
DENIALS = ("missing_authorization", "not_covered", "duplicate", "coding_error", "timely_filing")
DRIFT_TYPES = ("denial_rate", "decision_time", "paid_amount")
SEVERITIES = ("low", "medium", "high", "critical")
OUTCOMES = ("paid", "denied", "pending")

_PAYER_SHARES = tuple(share for share, _, _ in _PAYERS.values())
_CPT_SHARES = tuple(share for share, _ in _CPTS.values())


def claims(customer: int, count: int) -> Iterator[Row]:
    """Rows of the claims table, oldest first."""
    random = Random(customer)
    payers = random.choices(PAYERS, _PAYER_SHARES, k=count)
    cpts = random.choices(CPTS, _CPT_SHARES, k=count)
    for number, (payer, cpt) in enumerate(zip(payers, cpts, strict=True), start=1):
        _, denied, days = _PAYERS[payer]
        age_days = (number - 1) * DAYS // count
        billed = int(_CPTS[cpt][1] * random.uniform(0.7, 1.6))
        takes = max(1, round(random.gauss(days, days / 4)))
        outcome, allowed, paid, reason, decided_after = "pending", None, None, None, None
        if age_days + takes < DAYS:
            decided_after = takes
            if random.random() < denied:
                outcome, allowed, paid, reason = "denied", 0, 0, random.choice(DENIALS)
            else:
                outcome, allowed = "paid", int(billed * random.uniform(0.45, 0.85))
                paid = int(allowed * random.choice((1.0, 1.0, 0.8)))
        yield (
            _id(customer, number), customer, claim_number(customer, number), payer, cpt, outcome, reason,
            billed, allowed, paid, _day(age_days), decided_after, _id(customer, 1 + number * (UPLOADS - 1) // count),
        )  # fmt: skip


def drift_events(customer: int) -> Iterator[Row]:
    """Rows of the drift_events table, oldest first."""
    random = Random(customer + 1_000_003)
    for number in range(1, DRIFT_EVENTS + 1):
        severity = random.choices(SEVERITIES, (40, 35, 18, 7))[0]
        baseline = round(random.uniform(0.05, 0.2), 4)
        change = {"low": 0.1, "medium": 0.25, "high": 0.6, "critical": 1.2}[severity] * random.uniform(1, 1.5)
        yield (
            _id(customer, number), customer, random.choice(PAYERS), random.choice(CPTS),
            random.choice(DRIFT_TYPES), severity, baseline, round(baseline * (1 + change), 4),
            _day((number - 1) * DAYS // DRIFT_EVENTS), random.choice(("open", "acknowledged")),
        )  # fmt: skip


def uploads(customer: int, claim_count: int) -> Iterator[Row]:
    """Rows of the uploads table, oldest first: the files that the claims came with."""
    for number in range(1, UPLOADS + 1):
        day = _day((number - 1) * DAYS // UPLOADS)
        yield _id(customer, number), customer, f"claims_{day}.csv", "processed", claim_count // UPLOADS, day


def reports(customer: int) -> Iterator[Row]:
    """Rows of the reports table, oldest first."""
    random = Random(customer + 2_000_003)
    for number in range(1, REPORTS + 1):
        end = (number - 1) * DAYS // REPORTS
        yield (
            _id(customer, number), customer, random.choice(("weekly_drift", "payer_summary", "denials")),
            random.choices(("completed", "failed"), (19, 1))[0], _day(end - 7), _day(end),
        )  # fmt: skip


def claim_number(customer: int, number: int) -> str:
    """The number that people know a claim by: `CLM-001-0000042`."""
    return f"CLM-{customer:03}-{number:07}"


def _id(customer: int, number: int) -> int:
    return customer * IDS_PER_CUSTOMER + number


def _day(after: int) -> str:
    return (FIRST_DAY + timedelta(days=after)).isoformat()
