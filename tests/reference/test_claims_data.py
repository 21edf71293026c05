"""The invented data of the Claims API: the same each time, complete, and quickly there."""

import re
import sqlite3
from contextlib import closing
from itertools import pairwise

from reference.claims import sample_data
from reference.claims.store import SCHEMA
from reference.running import running

COLUMNS = ("id", "customer", "number", "payer", "cpt", "outcome", "reason", "billed", "allowed", "paid", "day", "days",
           "upload")  # fmt: skip


def claims(customer=1, count=20_000):
    return [dict(zip(COLUMNS, row, strict=True)) for row in sample_data.claims(customer, count)]


def test_it_is_the_same_each_time_and_another_for_each_customer():
    assert claims() == claims()
    ours, theirs = claims(1, 500), claims(2, 500)
    assert not {claim["id"] for claim in ours} & {claim["id"] for claim in theirs}
    assert [claim["payer"] for claim in ours] != [claim["payer"] for claim in theirs]
    for rows in (sample_data.drift_events, sample_data.reports):
        assert list(rows(1)) == list(rows(1))


def test_claims_look_like_a_year_of_a_practice():
    every = claims()
    assert {claim["payer"] for claim in every} == set(sample_data.PAYERS)
    assert {claim["cpt"] for claim in every} == set(sample_data.CPTS)
    days = [claim["day"] for claim in every]
    assert (days[0], days[-1], days) == ("2025-01-01", "2025-12-31", sorted(days))
    assert all(newer["id"] > older["id"] for older, newer in pairwise(every))
    share = {outcome: sum(claim["outcome"] == outcome for claim in every) / len(every)
             for outcome in sample_data.OUTCOMES}  # fmt: skip
    assert 0.08 < share["denied"] < 0.15
    assert 0.02 < share["pending"] < 0.10


def test_amounts_and_outcomes_fit_each_other():
    for claim in claims(count=3000):
        match claim["outcome"]:
            case "pending":
                assert (claim["allowed"], claim["paid"], claim["days"], claim["reason"]) == (None,) * 4
            case "denied":
                assert (claim["allowed"], claim["paid"]) == (0, 0)
                assert claim["reason"] in sample_data.DENIALS
            case _:
                assert 0 < claim["paid"] <= claim["allowed"] < claim["billed"]
                assert claim["reason"] is None


def counts(database):
    with closing(sqlite3.connect(database)) as connection:
        tables = ("claims", "drift_events", "uploads", "reports", "filled_customers")
        return [connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608


def test_a_start_fills_the_database_once_and_makes_half_of_it_or_what_is_to_be_forgotten_anew(tmp_path):
    database = tmp_path / "claims.sqlite3"
    command = ("reference.claims", "--database", str(database), "--local-key")
    with running(*command, "--empty"):
        pass
    filled = counts(database)
    assert filled == [25_000, 600, 96, 120, 2]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM claims WHERE id % 3 = 0")
        connection.execute("DELETE FROM filled_customers WHERE customer_id = 1")
        connection.commit()
    with running(*command):
        pass
    with closing(sqlite3.connect(database)) as connection:
        of_each = connection.execute(
            "SELECT customer_id, COUNT(*) FROM claims GROUP BY 1 ORDER BY 1"
        ).fetchall()
        # Customer 2 was said to be complete: it is left alone.
        assert of_each[0] == (1, 20_000)
        assert of_each[1][1] < 5_000
    with running(*command, "--empty"):
        pass
    assert counts(database) == filled


def test_every_list_and_sum_is_answered_from_an_index():
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        for query in (
            "SELECT * FROM claims WHERE customer_id = 1 ORDER BY id DESC LIMIT 25 OFFSET 25",
            "SELECT * FROM claims WHERE customer_id = 1 AND payer = 'x' ORDER BY id DESC LIMIT 25 OFFSET 0",
            "SELECT * FROM claims WHERE customer_id = 1 AND cpt = 'x' ORDER BY id DESC LIMIT 25 OFFSET 0",
            "SELECT COUNT(*) FROM claims WHERE customer_id = 1 AND claim_number LIKE 'C%'",
            "SELECT payer, outcome, SUM(paid_cents) FROM claims WHERE customer_id = 1 GROUP BY payer",
        ):
            plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
            assert re.search(r"USING (COVERING )?INDEX", plan), (query, plan)
            assert "TEMP B-TREE" not in plan, (query, plan)
