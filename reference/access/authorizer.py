"""The Lambda authorizer: a token and a method's ARN in, an IAM policy out, each decision recorded.

As API Gateway has it: a token that must not be accepted is answered with 401 (a Lambda authorizer raises
"Unauthorized" for it, and the client sees 401); one that is valid but not allowed gets a Deny policy (the client
sees 403). An unknown user of an organisation is nobody's subject, and so denied.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference.access.answers import body_of, invalid, only, unauthorised
from reference.access.audit import Audit
from reference.access.callers import caller_of
from reference.access.permissions import PermissionStore
from reference.access.policies import decide, policy, read_arn
from reference.server_metrics import Counter
from reference.tokens import TokenProblem, Tokens

FUNCTION = "authorizer"
"""Its name as a Lambda function."""


class Authorizer:
    """POST /authorize."""

    def __init__(self, tokens: Tokens, permissions: PermissionStore, audit: Audit) -> None:
        self._tokens, self._permissions, self._audit = tokens, permissions, audit
        self.decisions = Counter(
            "access_authorizations_total",
            "Authorization decisions by outcome; 'unauthorised' are tokens that were not accepted.",
            ("outcome",),
            [("allow",), ("deny",), ("unauthorised",)],
        )

    async def authorize(self, request: Request) -> Response:
        """Answer an authorizer's event with a policy."""
        document = await body_of(request)
        problems: list[str] = []
        only(document, ("type", "authorizationToken", "methodArn"), problems)
        if document.get("type") != "TOKEN":
            problems.append("type: expected TOKEN")
        token, arn = document.get("authorizationToken"), document.get("methodArn")
        if not isinstance(token, str):
            problems.append("authorizationToken: expected Bearer and a token")
        asked = read_arn(arn) if isinstance(arn, str) else None
        if asked is None:
            problems.append(
                "methodArn: expected arn:aws:execute-api:region:account:api/stage/METHOD/resource"
            )
        if problems or asked is None:
            raise invalid(*problems)
        scheme, _, credentials = str(token).partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise TokenProblem("authorizationToken must begin with Bearer")
            caller = caller_of(self._tokens, credentials.strip())
        except TokenProblem as problem:
            self.decisions.add("unauthorised")
            raise unauthorised(f"Unauthorized: {problem}.") from None
        rules = await self._permissions.rules_for(caller, asked.method)
        decision = decide(rules, asked)
        await self._audit.decision(
            caller, asked.resource[:200], decision.effect.value, method=asked.method, permission=decision.rule
        )
        self.decisions.add(decision.effect.value)
        context = {"organisation": caller.organisation, "role": caller.role.value}
        return JSONResponse(policy(caller.user, str(arn), decision, context))
