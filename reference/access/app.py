"""The Access Management API's routes: who calls, may they, then the store's own business."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.access import audit, invitations, permissions, sample_data, teams
from reference.access.answers import (
    ID,
    USER,
    Refusal,
    body_of,
    filter_of,
    invalid,
    listed,
    moment_of,
    not_found,
    only_page_of,
    page_of,
    unauthorised,
)  # fmt: skip
from reference.access.audit import Audit, Filters
from reference.access.authorizer import FUNCTION, Authorizer
from reference.access.callers import Caller, Role, caller_of
from reference.access.invitations import InvitationStore, parse_answer, parse_invitation
from reference.access.openapi import document
from reference.access.permissions import PermissionStore, is_subject, parse_permission
from reference.access.teams import TeamStore, parse_member, parse_team
from reference.access.token_endpoint import issue_token
from reference.cold_starts import StartUp
from reference.server_metrics import Counter
from reference.service import Service
from reference.tokens import TokenProblem, Tokens

Handler = Callable[[Request, Caller], Awaitable[Response]]
CODE = re.compile(r"[A-Za-z0-9_-]{32}")
"""Of an invitation."""
READERS, AUDITORS, ADMINS = frozenset(Role), frozenset({Role.ADMIN, Role.AUDITOR}), frozenset({Role.ADMIN})


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Action:
    """What a method of a path does, and for whom."""

    handler: Handler
    roles: frozenset[Role] = READERS


class AccessAPI:
    """Handlers, and the stores behind them."""

    def __init__(self, service: Service, tokens: Tokens, start_up: StartUp) -> None:
        self.service, self.tokens = service, tokens
        database = service.database
        self.audit = Audit(database, now_ms)
        self.permissions = PermissionStore(database, self.audit, now_ms)
        self.teams = TeamStore(database, self.audit, now_ms)
        self.invitations = InvitationStore(database, self.audit, self.teams, now_ms)
        self.authorizer = Authorizer(tokens, self.permissions, self.audit)
        self.refused = Counter(
            "access_refused_total",
            "API calls refused for who called, by reason.",
            ("reason",),
            [("missing",), ("token",), ("role",)],
        )
        service.metrics.register(self.authorizer.decisions, self.refused)
        service.faults.functions.declare("POST", "/authorize", FUNCTION, start_up)

    async def open_state(self, *, local_key: bool = False, empty: bool = False) -> None:
        """Open the database, and make it what the command line asks for."""
        parts = (permissions, teams, invitations, audit)
        forget = [statement for part in parts for statement in part.FORGET] if empty else []
        await self.service.database.open([*forget, *(each for part in parts for each in part.SCHEMA)])
        if local_key:
            await sample_data.prepare(self.permissions, self.teams)

    def application(self, *, local_key: bool = False, faults_may_be_switched: bool = False) -> ASGIApp:
        """The ASGI application; with `local_key` it hands out tokens to whoever asks."""
        routes = [
            Route("/authorize", partial(_refusing, self.authorizer.authorize), methods=["POST"]),
            self._route(
                "/v1/permissions",
                GET=Action(self._list_permissions),
                POST=Action(self._create_permission, ADMINS),
            ),
            self._route(
                "/v1/permissions/{permission_id}",
                GET=Action(self._get_permission),
                PUT=Action(self._update_permission, ADMINS),
                DELETE=Action(self._delete_permission, ADMINS),
            ),
            self._route("/v1/teams", GET=Action(self._list_teams), POST=Action(self._create_team, ADMINS)),
            self._route(
                "/v1/teams/{team_id}",
                GET=Action(self._get_team),
                PUT=Action(self._update_team, ADMINS),
                DELETE=Action(self._delete_team, ADMINS),
            ),
            self._route(
                "/v1/teams/{team_id}/members",
                GET=Action(self._list_members),
                POST=Action(self._add_member, ADMINS),
            ),
            self._route("/v1/teams/{team_id}/members/{user_id}", DELETE=Action(self._remove_member, ADMINS)),
            self._route(
                "/v1/teams/{team_id}/invitations",
                GET=Action(self._list_invitations),
                POST=Action(self._invite, ADMINS),
            ),
            self._route("/v1/invitations/{code}", GET=Action(self._find_invitation)),
            self._route("/v1/invitations/{code}/accept", POST=Action(self._accept)),
            self._route("/v1/invitations/{code}/decline", POST=Action(self._decline)),
            self._route("/v1/audit", GET=Action(self._list_audit, AUDITORS)),
        ]
        if local_key:
            routes.append(
                Route("/v1/tokens", partial(_refusing, partial(issue_token, self.tokens)), methods=["POST"])
            )
        created = (200, 201)
        statuses = {
            "/v1/permissions": created,
            "/v1/permissions/{permission_id}": (200, 204),
            "/v1/teams": created,
            "/v1/teams/{team_id}": (200, 204),
            "/v1/teams/{team_id}/members": created,
            "/v1/teams/{team_id}/members/{user_id}": (204,),
            "/v1/teams/{team_id}/invitations": created,
            "/v1/tokens": (201,),
        }
        return self.service.application(
            routes,
            document(self.service.notice, local_key=local_key),
            statuses,
            faults_may_be_switched=faults_may_be_switched,
        )

    def _route(self, path: str, **actions: Action) -> Route:
        return Route(path, partial(_refusing, partial(self._authenticated, actions)), methods=list(actions))

    async def _authenticated(self, actions: dict[str, Action], request: Request) -> Response:
        action = actions["GET" if request.method == "HEAD" else request.method]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            self.refused.add("missing")
            raise unauthorised("Send your token as 'Authorization: Bearer <token>'.")
        try:
            caller = caller_of(self.tokens, token.strip())
        except TokenProblem as problem:
            self.refused.add("token")
            raise unauthorised(f"The token is not accepted: {problem}.") from None
        if caller.role not in action.roles:
            self.refused.add("role")
            raise Refusal(403, "forbidden", f"This needs the role {' or '.join(sorted(action.roles))}.")
        return await action.handler(request, caller)

    async def _list_permissions(self, request: Request, caller: Caller) -> Response:
        problems: list[str] = []
        page, subject = page_of(request, problems), request.query_params.get("subject", "")
        if subject and not is_subject(subject):
            problems.append("subject: expected user:<id> or team:<id>")
        if problems:
            raise invalid(*problems)
        return listed(await self.permissions.listing(caller.organisation, page, subject), page, "permissions")

    async def _create_permission(self, request: Request, caller: Caller) -> Response:
        new = parse_permission(await body_of(request))
        return JSONResponse(await self.permissions.create(caller, new), 201)

    async def _get_permission(self, request: Request, caller: Caller) -> Response:
        permission_id = _id(request, "permission_id", "permission")
        return _found(await self.permissions.get(caller.organisation, permission_id), "permission")

    async def _update_permission(self, request: Request, caller: Caller) -> Response:
        permission_id = _id(request, "permission_id", "permission")
        new = parse_permission(await body_of(request))
        return _found(await self.permissions.update(caller, permission_id, new), "permission")

    async def _delete_permission(self, request: Request, caller: Caller) -> Response:
        permission_id = _id(request, "permission_id", "permission")
        return _gone(await self.permissions.delete(caller, permission_id), "permission")

    async def _list_teams(self, request: Request, caller: Caller) -> Response:
        page = only_page_of(request)
        return listed(await self.teams.listing(caller.organisation, page), page, "teams")

    async def _create_team(self, request: Request, caller: Caller) -> Response:
        name = parse_team(await body_of(request))
        return JSONResponse(await self.teams.create(caller, name), 201)

    async def _get_team(self, request: Request, caller: Caller) -> Response:
        return _found(await self.teams.get(caller.organisation, _id(request, "team_id", "team")), "team")

    async def _update_team(self, request: Request, caller: Caller) -> Response:
        team_id = _id(request, "team_id", "team")
        name = parse_team(await body_of(request))
        return _found(await self.teams.update(caller, team_id, name), "team")

    async def _delete_team(self, request: Request, caller: Caller) -> Response:
        return _gone(await self.teams.delete(caller, _id(request, "team_id", "team")), "team")

    async def _list_members(self, request: Request, caller: Caller) -> Response:
        page, team_id = only_page_of(request), await self._team(request, caller)
        return listed(await self.teams.members(caller.organisation, team_id, page), page, "members")

    async def _add_member(self, request: Request, caller: Caller) -> Response:
        user, role = parse_member(await body_of(request))
        team_id = await self._team(request, caller)
        member = await self.teams.add_member(caller, team_id, user, role)
        if member is None:
            raise Refusal(409, "already_member", "The user is a member of this team already.")
        return JSONResponse(member, 201)

    async def _remove_member(self, request: Request, caller: Caller) -> Response:
        team_id, user = _id(request, "team_id", "team"), request.path_params["user_id"]
        removed = USER.fullmatch(user) is not None and await self.teams.remove_member(caller, team_id, user)
        return _gone(removed, "member")

    async def _list_invitations(self, request: Request, caller: Caller) -> Response:
        page, team_id = only_page_of(request), await self._team(request, caller)
        found = await self.invitations.listing(caller.organisation, team_id, page)
        return listed(found, page, "invitations")

    async def _invite(self, request: Request, caller: Caller) -> Response:
        team_id = _id(request, "team_id", "team")
        made = await self.invitations.create(caller, team_id, parse_invitation(await body_of(request)))
        if made is None:
            raise not_found("team")
        return JSONResponse(made, 201)

    async def _find_invitation(self, request: Request, caller: Caller) -> Response:
        return _found(await self.invitations.find(caller.organisation, _code(request)), "invitation")

    async def _accept(self, request: Request, caller: Caller) -> Response:
        code = _code(request)
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        user = parse_answer(await body_of(request) if has_body else {}, caller)
        return await self._answered(await self.invitations.accept(caller, code, user), caller, code)

    async def _decline(self, request: Request, caller: Caller) -> Response:
        code = _code(request)
        return await self._answered(await self.invitations.decline(caller, code), caller, code)

    async def _answered(self, answered: dict[str, object] | None, caller: Caller, code: str) -> Response:
        if answered is not None:
            return JSONResponse(answered)
        found = await self.invitations.find(caller.organisation, code)
        if found is None:
            raise not_found("invitation")
        status = found["status"]
        raise Refusal(
            409, f"invitation_{status}", f"The invitation is {status}: it cannot be answered again."
        )

    async def _list_audit(self, request: Request, caller: Caller) -> Response:
        problems: list[str] = []
        page = page_of(request, problems)
        filters = Filters(
            filter_of(request, "actor", problems),
            filter_of(request, "action", problems),
            filter_of(request, "resource", problems),
            moment_of(request, "from", problems),
            moment_of(request, "to", problems),
        )
        if problems:
            raise invalid(*problems)
        return listed(await self.audit.find(caller.organisation, filters, page), page, "entries")

    async def _team(self, request: Request, caller: Caller) -> str:
        """The id of a team in the path that is the organisation's."""
        team_id = _id(request, "team_id", "team")
        if await self.teams.get(caller.organisation, team_id) is None:
            raise not_found("team")
        return team_id


async def _refusing(handler: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.answer()


def _id(request: Request, name: str, what: str) -> str:
    """The id in the path; what cannot be one is not looked up (and some databases would refuse to look)."""
    found: str = request.path_params[name]
    if not ID.fullmatch(found):
        raise not_found(what)
    return found


def _code(request: Request) -> str:
    code: str = request.path_params["code"]
    if not CODE.fullmatch(code):
        raise not_found("invitation")
    return code


def _found(document: dict[str, object] | None, what: str) -> Response:
    if document is None:
        raise not_found(what)
    return JSONResponse(document)


def _gone(was_there: bool, what: str) -> Response:
    if not was_there:
        raise not_found(what)
    return Response(status_code=204)
