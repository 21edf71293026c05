"""The Claims API's routes: the token, then the customer's own data."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.claims import accounts, listings, logins, store
from reference.claims.accounts import Accounts, User
from reference.claims.listings import Condition, Listing, Unusable
from reference.claims.logins import LONGEST_FIELD, Refused, Sessions, Use, read_fields
from reference.claims.openapi import document
from reference.claims.store import ClaimStore, Page
from reference.server_metrics import Counter, Gauge
from reference.service import Service
from reference.tokens import LOCAL_SECRET, MOST_CHARACTERS, TokenProblem, Tokens

PREFIX = "/api/v1"
MOST_DIGITS = 18
"""Of an id or a page number; longer ones fit no database's integers."""

Handler = Callable[[Request, User], Awaitable[Response]]


class ClaimsAPI:
    """Handlers, and the stores behind them."""

    def __init__(
        self, service: Service, *, local_key: bool, access_seconds: float = logins.ACCESS_SECONDS
    ) -> None:
        self.service = service
        self._local_key = local_key
        self.accounts = Accounts(service.database, time.monotonic)
        self.store = ClaimStore(service.database)
        # Without --local-key tokens end with the process: nobody else can know what signs them.
        secret = LOCAL_SECRET if local_key else secrets.token_urlsafe(48)
        self.sessions = Sessions(Tokens(service.name, secret), self.accounts, access_seconds)
        self.logins = Counter(
            "claims_logins_total", "Logins by outcome.", ("outcome",), [("accepted",), ("refused",)]
        )
        self.refreshes = Counter(
            "claims_token_refreshes_total", "Access tokens issued for a refresh token.", (), ()
        )
        self.refused = Counter(
            "claims_unauthorised_total",
            "Requests refused for their token: missing, expired, or invalid in another way.",
            ("reason",),
            [("missing",), ("expired",), ("invalid",)],
        )
        waiting = Gauge(
            "claims_logins_waiting",
            "Logins whose password is being hashed or waits to be.",
            (),
            lambda: {(): float(self.accounts.waiting)},
        )
        service.metrics.register(self.logins, self.refreshes, self.refused, waiting)

    async def open_state(self, *, empty: bool = False) -> None:
        """Open the database, and make it what the command line asks for."""
        forget = store.FORGET if empty else ()
        await self.service.database.open((*forget, *store.SCHEMA, *accounts.SCHEMA))
        await self.accounts.forget_local()
        if self._local_key:
            for number, name, count in (
                (accounts.LOCAL_CUSTOMER, accounts.LOCAL_CUSTOMER_NAME, accounts.LOCAL_CLAIMS),
                (accounts.NEIGHBOUR, accounts.NEIGHBOUR_NAME, accounts.NEIGHBOUR_CLAIMS),
            ):
                await self.store.add_customer(name, count, number)
            await self.accounts.create(
                accounts.LOCAL_USER, accounts.LOCAL_PASSWORD, accounts.LOCAL_CUSTOMER, is_local=True
            )
        await self.store.fill_customers()

    def application(self, *, faults_may_be_switched: bool = False) -> ASGIApp:
        """The ASGI application."""
        routes = [
            Route(f"{PREFIX}/auth/token/", partial(self._answered, self._log_in), methods=["POST"]),
            Route(f"{PREFIX}/auth/token/refresh/", partial(self._answered, self._refresh), methods=["POST"]),
            self._list("claims", listings.CLAIMS),
            self._get("claims/payer_summary", self._payer_summary),
            self._get("claims/{claim_id}", self._claim),
            self._list("drift-events", listings.DRIFT_EVENTS),
            self._get("dashboard", self._dashboard),
            self._list("uploads", listings.UPLOADS),
            self._list("reports", listings.REPORTS),
        ]
        return self.service.application(
            routes, document(self.service.notice), {}, faults_may_be_switched=faults_may_be_switched
        )

    def _get(self, path: str, handler: Handler) -> Route:
        return Route(
            f"{PREFIX}/{path}/", partial(self._answered, partial(self._authorised, handler)), methods=["GET"]
        )

    def _list(self, path: str, listing: Listing) -> Route:
        return self._get(path, partial(self._page, listing))

    async def _answered(
        self, handler: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            body = (
                {"code": refused.code, "problems": refused.problems}
                if refused.code == "invalid"
                else {"code": refused.code, "detail": str(refused)}
            )
            headers = {"Connection": "close"} if refused.status == 413 else {}
            return JSONResponse(body, refused.status, headers=headers)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    async def _authorised(self, handler: Handler, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            self.refused.add("missing")
            return _unauthorised("Send your access token as 'Authorization: Bearer <token>'.")
        try:
            user = await self.sessions.user_of(token.strip(), Use.ACCESS)
        except TokenProblem as problem:
            self.refused.add("expired" if "expired" in str(problem) else "invalid")
            return _unauthorised(_sentence(problem))
        return await handler(request, user)

    async def _log_in(self, request: Request) -> Response:
        username, password = await read_fields(
            request, {"username": LONGEST_FIELD, "password": LONGEST_FIELD}
        )
        user = await self.accounts.log_in(username, password)
        if user is None:
            self.logins.add("refused")
            return _unauthorised("There is no such user with this password.")
        self.logins.add("accepted")
        return JSONResponse({"access": self.sessions.access(user), "refresh": self.sessions.refresh(user)})

    async def _refresh(self, request: Request) -> Response:
        (token,) = await read_fields(request, {"refresh": MOST_CHARACTERS})
        try:
            user = await self.sessions.user_of(token, Use.REFRESH)
        except TokenProblem as problem:
            return _unauthorised(_sentence(problem))
        self.refreshes.add()
        return JSONResponse({"access": self.sessions.access(user)})

    async def _page(self, listing: Listing, request: Request, user: User) -> Response:
        asked = dict(request.query_params)
        conditions, problems = _conditions(listing, asked)
        number = _whole(asked.get("page", "1"), "page", 10**9, problems)
        size = _whole(
            asked.get("page_size", str(listings.DEFAULT_PAGE_SIZE)),
            "page_size",
            listings.MOST_PAGE_SIZE,
            problems,
        )
        if problems:
            raise Refused(422, "invalid", *problems)
        page = await self.store.page(listing, user.customer, conditions, number, size)
        if page is None:
            raise Refused(404, "not_found", "There is no such page.")
        return JSONResponse(_with_neighbours(page, request.url.path, asked, number, size))

    async def _claim(self, request: Request, user: User) -> Response:
        _no_parameters(request)
        claim_id: str = request.path_params["claim_id"]
        known = claim_id.isascii() and claim_id.isdigit() and len(claim_id) <= MOST_DIGITS
        claim = await self.store.claim(user.customer, int(claim_id)) if known else None
        if claim is None:
            raise Refused(404, "not_found", "You have no such claim.")
        return JSONResponse(claim)

    async def _payer_summary(self, request: Request, user: User) -> Response:
        _no_parameters(request)
        return JSONResponse(await self.store.payer_summary(user.customer))

    async def _dashboard(self, request: Request, user: User) -> Response:
        _no_parameters(request)
        return JSONResponse(await self.store.dashboard(user.customer))


def _conditions(listing: Listing, asked: Mapping[str, str]) -> tuple[list[Condition], list[str]]:
    problems = [f"{name}: unknown parameter" for name in asked if name not in listing.parameters]
    conditions = []
    for name, condition in listing.filters.items():
        if name in asked:
            try:
                conditions.append(condition(asked[name]))
            except Unusable as problem:
                problems.append(f"{name}: {problem}")
    return conditions, problems


def _whole(text: str, name: str, most: int, problems: list[str]) -> int:
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and 1 <= int(text) <= most:
        return int(text)
    problems.append(f"{name}: expected a whole number from 1 to {most}")
    return 1


def _no_parameters(request: Request) -> None:
    if request.query_params:
        raise Refused(422, "invalid", *(f"{name}: unknown parameter" for name in request.query_params))


def _with_neighbours(
    page: Page, path: str, asked: Mapping[str, str], number: int, size: int
) -> dict[str, object]:
    """The page as JSON; next and previous are addresses on this host, or null."""

    def link(to: int) -> str:
        return f"{path}?{urlencode({**asked, 'page': to})}"

    return {
        "count": page.count,
        "next": link(number + 1) if number * size < page.count else None,
        "previous": link(number - 1) if number > 1 else None,
        "results": page.results,
    }


def _sentence(problem: TokenProblem) -> str:
    text = str(problem)
    return f"{text[0].upper()}{text[1:]}."


def _unauthorised(detail: str) -> Response:
    return JSONResponse(
        {"code": "unauthorised", "detail": detail}, 401, headers={"WWW-Authenticate": "Bearer"}
    )
