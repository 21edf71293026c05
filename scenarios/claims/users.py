"""Users of the Claims API: people who look at claims, payers and drift, logged in with a JSON Web Token.

Also runs in plain Locust: `locust -f scenarios/claims/users.py --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlencode

from locust import between, task
from locust.exception import StopTest

from scenarios.claims.known import Known
from scenarios.claims.session import Session
from scenarios.clients import ServiceUser, check_before_load, count_as_rate_limited, seconds_to_rest
from scenarios.credentials import (
    LOCAL,
    MissingCredential,
    credential,
    environment_name,
    is_this_machine,
    variable_of,
)

logger = logging.getLogger(__name__)

SYSTEM = "claims"
LOCAL_USER, LOCAL_PASSWORD = "user_a", "testpass123"
"""The reference service's public user; offered only to the local environment on this machine."""
API = "/api/v1"
PAGE_SIZES = (10, 25, 50)
FARTHEST_PAGE = 5
"""People look at the newest, seldom further back."""
MISSING_SHARE = 0.1
"""Of the detail views: a claim that is not there (an old link)."""
SEVERITIES = ("high", "critical")

Wanted = Callable[[Any], Any]
"""Reads what is wanted from an answer's JSON; raises ValueError, KeyError or TypeError when it is not there."""


class ClaimsAPIUser(ServiceUser):
    """Somebody at work: ten tasks with pauses of 1 to 3 seconds."""

    _known = Known()
    _refusal_reported = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            self._credentials = login_of(environment)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        self.session = Session(time.monotonic)
        self.random = Random()
        self.rest = 0.0
        """Seconds that the service has asked this user to stay away."""

    _pause = staticmethod(between(1, 3))

    def wait_time(self) -> float:
        """Seconds until the next task: the user's own pause, or the rest that the service asked for if longer."""
        rest, self.rest = self.rest, 0.0
        return float(max(rest, self._pause(self)))

    def on_start(self) -> None:
        """Log in; a user who is refused tries again before each task and sends nothing else."""
        self._log_in()

    @task(5)
    def list_claims(self) -> None:
        """A page of claims."""
        self._list("claims", "", self._page(""))

    @task(3)
    def get_claim_detail(self) -> None:
        """One claim that a list has shown; now and then one that is not there, which is no failure."""
        known = self._known.claim_ids
        if not known or self.random.random() < MISSING_SHARE:
            wanted_id = str(10**15 + self.random.randrange(10**6))
        else:
            wanted_id = self.random.choice(known)

        def is_the_claim(document: Any) -> None:
            _require(str(document["id"]) == wanted_id)

        self._get(
            f"{API}/claims/{wanted_id}/", f"{API}/claims/{{id}}/", is_the_claim, missing_is_expected=True
        )

    @task(3)
    def filter_claims_by_payer(self) -> None:
        """A page of one payer's claims."""
        payer = self.random.choice(self._known.payers or ["Northwind Health"])
        self._list(
            "claims", "payer", {"payer": payer, **self._page(payer)}, lambda row: row["payer"] == payer
        )

    @task(2)
    def search_claims(self) -> None:
        """A page of the claims with a CPT code, or a claim number."""
        text = self._known.search_text(self.random)
        self._list(
            "claims",
            "search",
            {"search": text},
            lambda row: any(text in str(value) for value in row.values()),
        )

    @task(4)
    def get_payer_summary(self) -> None:
        """Totals of each payer."""
        self._get(f"{API}/claims/payer_summary/", f"{API}/claims/payer_summary/", _payers)

    @task(3)
    def list_drift_events(self) -> None:
        """A page of drift events."""
        self._list("drift-events", "", {"page_size": self.random.choice(PAGE_SIZES)})

    @task(2)
    def filter_drift_by_severity(self) -> None:
        """The drift events that matter."""
        severity = self.random.choice(SEVERITIES)
        self._list(
            "drift-events", "severity", {"severity": severity}, lambda row: row["severity"] == severity
        )

    @task(4)
    def get_dashboard(self) -> None:
        """The first page's figures."""
        self._get(f"{API}/dashboard/", f"{API}/dashboard/", lambda document: _require(bool(document.keys())))

    @task(2)
    def list_uploads(self) -> None:
        """A page of uploaded files."""
        self._list("uploads", "", {"page_size": self.random.choice(PAGE_SIZES)})

    @task(1)
    def list_reports(self) -> None:
        """A page of report runs."""
        self._list("reports", "", {"page_size": self.random.choice(PAGE_SIZES)})

    def _page(self, payer: str) -> dict[str, Any]:
        """Page and page size; only a page that exists, as far as earlier answers tell."""
        size = self.random.choice(PAGE_SIZES)
        last = min(FARTHEST_PAGE, math.ceil(self._known.counts.get(payer, 0) / size))
        return {"page": self.random.randint(1, max(1, last)), "page_size": size}

    def _list(
        self,
        path: str,
        narrowed_by: str,
        parameters: dict[str, Any],
        fits: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        """GET a page; a row that does not fit what was asked for is a wrong answer. Named by what narrows it down."""
        name = f"{API}/{path}/" + (f" by {narrowed_by}" if narrowed_by else "")

        def rows(document: Any) -> None:
            found = document["results"]
            _require(isinstance(found, list) and all(fits(row) for row in found))
            if path == "claims":
                self._known.add(found)
                if narrowed_by != "search":
                    self._known.counts[parameters.get("payer", "")] = int(document["count"])

        self._get(f"{API}/{path}/?{urlencode(parameters)}", name, rows)

    def _get(self, path: str, name: str, wanted: Wanted, *, missing_is_expected: bool = False) -> None:
        """Ask with the access token; when it has ended, renew it and ask once more."""
        if not self.session.access and not self._log_in():
            return
        if self._ask(path, name, wanted, missing_is_expected) and self._renew():
            self._ask(path, name, wanted, missing_is_expected)

    def _ask(self, path: str, name: str, wanted: Wanted, missing_is_expected: bool) -> bool:
        """Send the request, and count its answer as what it is; whether the access token must be renewed."""
        headers = {"Authorization": f"Bearer {self.session.access}"}
        with self.client.get(path, name=name, headers=headers, catch_response=True) as response:
            if count_as_rate_limited(response):
                self.rest = seconds_to_rest(response)
                return False
            if response.status_code == 401:
                if self.session.has_ended:
                    _count_apart(response, "token expired")
                return True  # A token that has not ended, and is refused all the same, is a failure as well.
            if response.status_code == 404 and missing_is_expected:
                self.session.accepted()
                _count_apart(response, "not found")
            elif 200 <= response.status_code < 300:
                self.session.accepted()
                _read(response, name, wanted)
            return False  # Locust counts the others as failed, with the status or the broken connection as reason.

    def _renew(self) -> bool:
        """A new access token, by the refresh token or, when that is refused too, by logging in again."""
        if self.session.refresh:
            document = self._post("auth/token/refresh", {"refresh": self.session.refresh})
            if document is not None:
                self.session.renew(document["access"], document.get("refresh"))
                return True
        self.session.end()
        return self._log_in()

    def _log_in(self) -> bool:
        username, password = self._credentials
        document = self._post("auth/token", {"username": username, "password": password})
        if document is None:
            return False
        self.session.renew(document["access"], document.get("refresh"))
        return True

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any] | None:
        """Ask for tokens; None when there are none."""
        url = f"{API}/{path}/"
        with self.client.post(url, name=url, json=body, catch_response=True) as response:
            if count_as_rate_limited(response):
                self.rest = seconds_to_rest(response)
                return None
            if response.status_code in (400, 401, 403):
                if path == "auth/token":
                    self._report_refusal(response.status_code)
                elif response.status_code == 401:
                    # A refresh token ends, too, and then one logs in again.
                    _count_apart(response, "token expired")
            elif 200 <= response.status_code < 300:
                return _read(response, url, _tokens)  # type: ignore[no-any-return]
        return None

    def _report_refusal(self, status: int) -> None:
        # Every such login is a failure of its own; what to do about it is said once.
        if not ClaimsAPIUser._refusal_reported:
            ClaimsAPIUser._refusal_reported = True
            user, password = variables(environment_name(self.environment))
            logger.error(
                "The service refuses the login with %d: check that %s and %s hold a user and the password.",
                status,
                user,
                password,
            )


def variables(environment: str) -> tuple[str, str]:
    """The environment variables that hold the user's name and password."""
    return variable_of("username", SYSTEM, environment), variable_of("password", SYSTEM, environment)


def login_of(locust_environment: Any) -> tuple[str, str]:
    """User name and password; raises MissingCredential when one is not set."""
    environment = environment_name(locust_environment)
    username, password = (credential(name, SYSTEM, environment) for name in ("username", "password"))
    if username and password:
        return username, password
    is_local = environment == LOCAL and is_this_machine(locust_environment.host)
    if is_local and not username and not password:
        return LOCAL_USER, LOCAL_PASSWORD
    names = variables(environment)
    missing = [name for name, value in zip(names, (username, password), strict=True) if not value]
    where = f"environment {environment!r}" if environment else locust_environment.host
    raise MissingCredential(
        f"No login for {where}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
        f"export {names[0]}=<user> {names[1]}=<password>",
    )


check_before_load(login_of)


def _count_apart(response: Any, words: str) -> None:
    """Report an answer that is as it should be under a name of its own, as scenarios.clients does with a 429."""
    response.request_meta["name"] += f" ({words})"
    response.success()


def _read(response: Any, name: str, wanted: Wanted) -> Any:
    try:
        return wanted(response.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        response.failure(f"{name} answered {response.status_code} with a body that is not what was asked for")
    return None


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not what was asked for")


def _payers(document: Any) -> None:
    _require(isinstance(document, list) and all("payer" in payer for payer in document))


def _tokens(document: Any) -> dict[str, Any]:
    _require(isinstance(document["access"], str) and isinstance(document.get("refresh") or "", str))
    return dict(document)
