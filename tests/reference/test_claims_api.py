"""The Claims API on both kinds of database; every answer is held against its OpenAPI document."""

import contextlib
import io
import re
from itertools import pairwise

import jsonschema_rs  # schemathesis' own
import pytest
import requests

from reference.claims.__main__ import main
from reference.running import running

PUBLIC = {"username": "user_a", "password": "testpass123"}
API = "/api/v1"


class Caller:
    """Calls the API with one access token."""

    def __init__(self, url, token=""):
        self.url, self.token = url, token
        self._session = requests.Session()
        self._session.trust_env = False
        self._document = self._session.get(f"{url}/openapi.json", timeout=10).json()

    def __call__(self, method, path, **options):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers.update(options.pop("headers", {}))
        answer = self._session.request(method, self.url + API + path, headers=headers, timeout=20, **options)
        self._check(method, (API + path).partition("?")[0], answer)
        return answer

    def _check(self, method, path, answer):
        templates = sorted(self._document["paths"], key=lambda template: "{" in template)
        for template in templates:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                operation = self._document["paths"][template].get(method.lower())
                if operation is None:
                    assert answer.status_code == 405
                    return
                documented = operation["responses"]
                assert str(answer.status_code) in documented, f"{method} {template} {answer.status_code}"
                schema = documented[str(answer.status_code)]["content"]["application/json"]["schema"]
                jsonschema_rs.validate({"components": self._document["components"], **schema}, answer.json())
                return
        assert answer.status_code == 404

    def log_in(self, **credentials):
        answer = self("POST", "/auth/token/", json=credentials)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path):
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self):
        self._session.close()


def make_user(database, username, customer, claims=30):
    """A new user, made by the command that people use; returns the password."""
    out = io.StringIO()
    options = ["--username", username, "--customer", customer, "--claims", str(claims)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main(["users", "create", *options, "--database", database]) == 0
    return out.getvalue().strip()


@pytest.fixture(scope="module")
def claims_service(database_url):
    with running("reference.claims", "--database", database_url, "--local-key") as service:
        yield service


@pytest.fixture(scope="module")
def nobody(claims_service):
    caller = Caller(claims_service.url)
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def user_a(claims_service, nobody):
    caller = Caller(claims_service.url, nobody.log_in(**PUBLIC)["access"])
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def other(claims_service, nobody, database_url):
    password = make_user(database_url, "bob", "Bob's practice")
    caller = Caller(claims_service.url, nobody.log_in(username="bob", password=password)["access"])
    yield caller
    caller.close()


def test_the_public_customer_has_a_realistic_data_set(user_a):
    page = user_a.get("/claims/")
    assert page["count"] == 20_000
    assert len(page["results"]) == 25
    assert user_a.get("/drift-events/")["count"] == 300
    assert user_a.get("/uploads/")["count"] == 48
    assert user_a.get("/reports/")["count"] == 60
    payers = user_a.get("/claims/payer_summary/")
    assert len(payers) == 12
    assert sum(payer["claims"] for payer in payers) == 20_000


def test_pages_follow_each_other_newest_first_and_cover_everything(other):
    seen, path, pages = [], "/claims/?page_size=7", 0
    while path:
        page = other.get(path)
        seen += [claim["id"] for claim in page["results"]]
        pages += 1
        assert (page["previous"] is None) == (pages == 1)
        path = page["next"] and page["next"].removeprefix(API)
    assert (page["count"], pages, len(seen)) == (30, 5, 30)
    assert all(newer > older for newer, older in pairwise(seen))


def test_a_link_to_the_next_page_keeps_the_filter(user_a):
    following = user_a.get("/claims/?payer=Bluefield+Mutual&page_size=2")["next"]
    page = user_a.get(following.removeprefix(API))
    assert {claim["payer"] for claim in page["results"]} == {"Bluefield Mutual"}


@pytest.mark.parametrize("path", ["/claims/?page=801", "/uploads/?page=3", "/claims/?page=999999999"])
def test_there_is_no_page_after_the_last(user_a, path):
    answer = user_a("GET", path)
    assert (answer.status_code, answer.json()) == (
        404, {"code": "not_found", "detail": "There is no such page."},
    )  # fmt: skip


def test_the_first_page_of_nothing_is_empty(user_a):
    page = user_a.get("/claims/?payer=Nobody")
    assert page == {"count": 0, "next": None, "previous": None, "results": []}


def test_claims_are_filtered_by_payer(user_a):
    payer = user_a.get("/claims/payer_summary/")[0]
    page = user_a.get(f"/claims/?payer={payer['payer']}&page_size=100")
    assert page["count"] == payer["claims"]
    assert {claim["payer"] for claim in page["results"]} == {payer["payer"]}


def test_search_finds_cpt_codes_claim_numbers_and_their_beginnings_in_any_case(user_a):
    by_code = user_a.get("/claims/?search=J1885")
    assert by_code["count"] > 0
    assert {claim["cpt"] for claim in by_code["results"]} == {"J1885"}
    assert user_a.get("/claims/?search=j1885") == by_code | {
        "next": by_code["next"].replace("J1885", "j1885")
    }
    (only,) = user_a.get("/claims/?search=clm-001-0000042")["results"]
    assert only["claim_number"] == "CLM-001-0000042"
    assert user_a.get("/claims/?search=CLM-001-000004")["count"] == 10


@pytest.mark.parametrize("text", ["%25", "_LM-001", "CLM-001-00000_2", "%27%20OR%201=1", "!", "''", "é"])
def test_search_takes_every_text_for_what_it_is(user_a, text):
    assert user_a.get(f"/claims/?search={text}")["count"] == 0


def test_a_claim_is_read_by_its_id(user_a):
    listed = user_a.get("/claims/?page_size=1&page=77")["results"][0]
    assert user_a.get(f"/claims/{listed['id']}/") == listed


@pytest.mark.parametrize(
    "claim_id", ["0", "1", "9" * 18, "9" * 19, "9" * 3000, "abc", "%00", "%ff", "-1", "1.5", "²"]
)
def test_a_claim_that_does_not_exist_is_not_found(user_a, claim_id):
    answer = user_a("GET", f"/claims/{claim_id}/")
    assert (answer.status_code, answer.json()) == (
        404, {"code": "not_found", "detail": "You have no such claim."},
    )  # fmt: skip


def test_a_customer_sees_nothing_of_another(user_a, other):
    mine = {claim["id"] for claim in user_a.get("/claims/?page_size=100")["results"]}
    theirs = {claim["id"] for claim in other.get("/claims/?page_size=100")["results"]}
    assert len(theirs) == 30
    assert not mine & theirs
    for claim_id in list(mine)[:3]:
        assert other("GET", f"/claims/{claim_id}/").status_code == 404
    for claim_id in list(theirs)[:3]:
        assert user_a("GET", f"/claims/{claim_id}/").status_code == 404
    assert other.get("/claims/?search=CLM-001")["count"] == 0
    assert sum(payer["claims"] for payer in other.get("/claims/payer_summary/")) == 30
    assert other.get("/dashboard/")["claims"] == 30
    for path in ("drift-events", "uploads", "reports"):
        ours, others = (
            {row["id"] for row in caller.get(f"/{path}/?page_size=100")["results"]}
            for caller in (user_a, other)
        )
        assert ours
        assert others
        assert not ours & others


def test_aggregates_are_those_of_the_claims(other):
    claims = other.get("/claims/?page_size=100")["results"]
    for payer in other.get("/claims/payer_summary/"):
        own = [claim for claim in claims if claim["payer"] == payer["payer"]]
        assert payer["claims"] == len(own)
        for outcome in ("paid", "denied", "pending"):
            assert payer[outcome] == sum(claim["outcome"] == outcome for claim in own)
        for amount in ("billed_cents", "allowed_cents", "paid_cents"):
            assert payer[amount] == sum(claim[amount] or 0 for claim in own)
        days = [claim["decision_days"] for claim in own if claim["decision_days"] is not None]
        assert payer["average_decision_days"] == (round(sum(days) / len(days), 2) if days else None)


def test_the_dashboard_adds_up(user_a):
    shown = user_a.get("/dashboard/")
    payers = user_a.get("/claims/payer_summary/")
    for key in ("claims", "paid", "denied", "pending", "billed_cents", "paid_cents"):
        assert shown[key] == sum(payer[key] for payer in payers)
    assert shown["denial_rate"] == round(shown["denied"] / (shown["paid"] + shown["denied"]), 4)
    events = [user_a.get(f"/drift-events/?page_size=100&page={page}")["results"] for page in (1, 2, 3)]
    still_open = [event["severity"] for page in events for event in page if event["status"] == "open"]
    assert shown["open_drift_events"] == {
        severity: still_open.count(severity) for severity in ("low", "medium", "high", "critical")
    }


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_drift_events_are_filtered_by_severity(user_a, severity):
    page = user_a.get(f"/drift-events/?severity={severity}&page_size=100")
    assert page["count"] > 5
    assert {event["severity"] for event in page["results"]} == {severity}


@pytest.mark.parametrize(
    ("path", "problems"),
    [
        ("/claims/?page=0", ["page: expected a whole number from 1 to 1000000000"]),
        ("/claims/?page_size=101&page=x", [
            "page: expected a whole number from 1 to 1000000000", "page_size: expected a whole number from 1 to 100",
        ]),
        ("/claims/?page=" + "9" * 5000, ["page: expected a whole number from 1 to 1000000000"]),
        ("/claims/?payr=x", ["payr: unknown parameter"]),
        ("/claims/?payer=", ["payer: expected 1 to 100 printable characters"]),
        ("/claims/?search=%00", ["search: expected 1 to 100 printable characters"]),
        ("/claims/?search=" + "x" * 101, ["search: expected 1 to 100 printable characters"]),
        ("/drift-events/?severity=huge", ["severity: expected one of low, medium, high, critical"]),
        ("/dashboard/?x=1", ["x: unknown parameter"]),
        ("/claims/payer_summary/?page=1", ["page: unknown parameter"]),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused_with_every_reason(user_a, path, problems):
    answer = user_a("GET", path)
    assert (answer.status_code, answer.json()) == (422, {"code": "invalid", "problems": problems})


def test_paths_end_with_a_slash_and_methods_are_those_documented(user_a):
    assert user_a("GET", "/claims").status_code == 404
    assert user_a("DELETE", "/claims/").json() == {
        "code": "method_not_allowed",
        "detail": "Method Not Allowed",
    }


def test_it_says_that_it_is_a_reference_and_its_metrics_know_the_routes(claims_service, user_a):
    about = requests.get(claims_service.url, timeout=10).json()
    assert (about["service"], about["reference"]) == ("claims", True)
    assert "not the real service" in about["notice"]
    user_a.get("/claims/?search=99213")
    page = requests.get(f"{claims_service.url}/metrics", timeout=10).text
    assert (
        'http_server_request_duration_seconds_count{method="GET",route="/api/v1/claims/",status="200"}'
        in page
    )
    assert 'db_client_operation_duration_seconds_count{operation="list_claims"}' in page
