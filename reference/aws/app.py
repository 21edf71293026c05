"""The stand-in over HTTP: AWS' APIs at `/`, its health, and the paths under `/_stand-in/` that command it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.aws import protocols
from reference.aws.edge import Edge
from reference.aws.errors import AwsError, Dropped
from reference.aws.faults import ANY, REPORT, parse_faults
from reference.aws.reports import PATH, parse_batch
from reference.json_bodies import NotJSON, TooLarge, body_within, parse_json

NOTICE = "A stand-in for AWS (CloudWatch, Logs, tagging, STS) by Swarmscope, for tests and local runs. It is not AWS."
BODY_SECONDS = 30.0
"""What a request's body gets to arrive."""
ABORT = "swarmscope.abort"
"""Under scope["extensions"]: cuts the connection."""


def application(edge: Edge, *, faults_may_be_switched: bool) -> ASGIApp:
    """The ASGI application around one account."""
    control = _Control(edge, faults_may_be_switched=faults_may_be_switched)

    async def aws(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await body_within(request, protocols.MOST_BYTES)
            found = await edge.answer(request.headers, body)
        except (TimeoutError, ClientDisconnect):
            found = protocols.refusal(None, AwsError("RequestTimeout", "The body did not arrive.", 408))
        except TooLarge:
            error = AwsError("RequestEntityTooLarge", "The request is too large.", 413)
            found = protocols.refusal(None, error)
            found.headers["Connection"] = "close"
        except Dropped:
            request.scope["extensions"][ABORT]()
            return Response(status_code=500)  # which nobody receives
        return Response(found.body, found.status, found.headers)

    return Starlette(
        routes=[
            Route("/", _describe, methods=["GET"]),
            Route("/-/healthy", _healthy, methods=["GET"]),
            *control.routes(),
            Route("/{path:path}", aws, methods=["POST", "GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]),
        ]
    )


async def _describe(_: Request) -> Response:
    return JSONResponse({"service": "aws", "reference": True, "notice": NOTICE})


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


class _Control:
    """What commands the stand-in, and what it says of its callers."""

    def __init__(self, edge: Edge, *, faults_may_be_switched: bool) -> None:
        self._edge, self._may_switch = edge, faults_may_be_switched

    def routes(self) -> list[Route]:
        return [
            Route("/_stand-in/faults", self._faults, methods=["GET", "PUT", "DELETE"]),
            Route("/_stand-in/calls", self._calls, methods=["GET", "DELETE"]),
            Route("/_stand-in/metrics", self._metrics, methods=["GET"]),
            Route("/_stand-in/resources", self._resources, methods=["PUT"]),
            Route(PATH, self._invocations, methods=["POST"]),
        ]

    async def _faults(self, request: Request) -> Response:
        faults = self._edge.faults
        if request.method != "GET" and not self._may_switch:
            return _problem("Faults can be commanded when the stand-in was started with --faults.", 403)
        if request.method == "DELETE":
            faults.put(())
        elif request.method == "PUT":
            try:
                wanted = parse_faults(await _document(request))
            except ValueError as error:
                return _problem(str(error), 400)
            known = [*self._edge.apis, REPORT, ANY]
            if unknown := sorted({fault.api for fault in wanted} - set(known)):
                return _problem(f"unknown API {', '.join(unknown)}; known are {', '.join(known)}", 400)
            faults.put(wanted)
        return JSONResponse(faults.describe())

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._edge.calls.clear()
        return JSONResponse(self._edge.calls.describe())

    async def _metrics(self, request: Request) -> Response:
        namespace = request.query_params.get("namespace", "")
        if not namespace:
            return _problem("namespace: say which, as in /_stand-in/metrics?namespace=AWS/Lambda", 400)
        return Response(json.dumps(self._edge.cloudwatch.dump(namespace)), media_type="application/json")

    async def _resources(self, request: Request) -> Response:
        """ARN → tags of resources that exist beside the reported ones."""
        try:
            document = await _document(request)
            if not isinstance(document, dict) or not all(_is_resource(*each) for each in document.items()):
                raise ValueError('expected ARNs with their tags, such as {"arn:aws:…": {"team": "a"}}')
        except ValueError as error:
            return _problem(str(error), 400)
        for arn, tags in document.items():
            self._edge.tagging.put(arn, tags)
        return JSONResponse({"resources": len(document)})

    async def _invocations(self, request: Request) -> Response:
        try:
            batch = parse_batch(await _document(request))
        except ValueError as error:
            return _problem(str(error), 400)
        try:
            status = await self._edge.report(batch, int(request.headers.get("content-length", "0")))
        except Dropped:
            request.scope["extensions"][ABORT]()
            status = 500
        return JSONResponse(
            {"invocations": len(batch.invocations), "operations": len(batch.operations)}, status
        )


def _is_resource(arn: str, tags: Any) -> bool:
    return (
        arn.startswith("arn:")
        and arn.count(":") >= 5
        and isinstance(tags, dict)
        and all(isinstance(value, str) for value in tags.values())
    )


async def _document(request: Request) -> Any:
    """The JSON of a command; raises ValueError."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return parse_json(await body_within(request, protocols.MOST_BYTES))
    except NotJSON as error:
        raise ValueError(f"not JSON: {error}") from None
    except TooLarge:
        raise ValueError(f"more than {protocols.MOST_BYTES} bytes") from None
    except TimeoutError:
        raise ValueError("the body did not arrive") from None


def _problem(detail: str, status: int) -> Response:
    return JSONResponse({"problem": detail}, status)
