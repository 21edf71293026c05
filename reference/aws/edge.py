"""What happens to each call of an AWS API: credentials, faults, the operation itself, counting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from reference.aws import protocols
from reference.aws.alarms import Alarms
from reference.aws.calls import Calls
from reference.aws.cloudwatch import CloudWatch, Hits
from reference.aws.errors import AwsError, Dropped, not_supported
from reference.aws.faults import REPORT, Faults, Kind
from reference.aws.identity import Identity
from reference.aws.insights import Insights
from reference.aws.logs import Logs
from reference.aws.protocols import Addressed, Answer, Call
from reference.aws.reports import Batch
from reference.aws.settings import StandInSettings
from reference.aws.simulation import data_of, lines_of
from reference.aws.tagging import Tagging

Operation = Callable[[Call, Hits], dict[str, Any]]
UNKNOWN = "unknown"
"""The API, in counters, of a call that could not be told."""
_INVALID_KEY = "The security token included in the request is invalid."


class Edge:
    """One AWS account behind one address."""

    def __init__(self, settings: StandInSettings, clock: Callable[[], float]) -> None:
        """`clock` is Unix seconds."""
        self.faults, self.calls = Faults(), Calls()
        self.cloudwatch, self.logs = CloudWatch(settings, clock), Logs(settings, clock)
        self.tagging = Tagging(settings)
        self._operations: dict[tuple[str, str], Operation] = {
            (service, name): operation
            for service, operations in (
                ("cloudwatch", self.cloudwatch.operations()),
                ("cloudwatch", Alarms(settings, clock, self.tagging).operations()),
                ("logs", self.logs.operations()),
                ("logs", Insights(settings, clock, self.logs).operations()),
                ("resourcegroupstaggingapi", self.tagging.operations()),
                ("sts", Identity(settings).operations()),
            )
            for name, operation in operations.items()
        }

    @property
    def apis(self) -> list[str]:
        """The names of everything that is supported."""
        return sorted(name for _, name in self._operations)

    async def answer(self, headers: Mapping[str, str], sent: bytes) -> Answer:
        """Answer one request; raises Dropped when its connection is to be cut."""
        to: Addressed | None = None
        hits: Hits = {}
        api, error = UNKNOWN, ""
        try:
            body = protocols.unpack(headers, sent)
            to = protocols.address(headers, body)
            known = (to.service, to.operation) in self._operations
            api = to.operation if known else UNKNOWN
            self.calls.came(api, len(sent))
            hits = self.faults.hit(api)
            answer = protocols.answer(to, self._serve(to, body, len(sent), hits))
        except AwsError as problem:
            if to is None:
                self.calls.came(api, len(sent))
            answer, error = protocols.refusal(to, problem), problem.code
        except Dropped:
            self.calls.ended(api, "Dropped")
            raise
        self.calls.ended(api, error)
        if Kind.DELAY in hits:
            # After it was applied: a client that does not wait so long cannot know, as with AWS.
            await asyncio.sleep(hits[Kind.DELAY].delay_ms / 1000)
        return answer

    async def report(self, batch: Batch, sent_bytes: int) -> int:
        """Take in what a reference service did, or not, as faults say; returns the HTTP status."""
        self.calls.came(REPORT, sent_bytes)
        hits = self.faults.hit(REPORT)
        if Kind.DROP in hits:
            self.calls.ended(REPORT, "Dropped")
            raise Dropped
        if Kind.ERROR_500 in hits or Kind.THROTTLE in hits:
            self.calls.ended(REPORT, "Refused")
            return 500 if Kind.ERROR_500 in hits else 429
        late = hits.get(Kind.LATE)
        self.tagging.note(batch)
        self.cloudwatch.put(data_of(batch), late)
        for (group, stream), lines in lines_of(batch.invocations).items():
            self.logs.write(group, stream, lines, late)
        self.calls.ended(REPORT)
        if Kind.DELAY in hits:
            await asyncio.sleep(hits[Kind.DELAY].delay_ms / 1000)
        return 200

    def _serve(self, to: Addressed, body: bytes, sent_bytes: int, hits: Hits) -> dict[str, Any]:
        _refuse_by_command(to, hits)
        if not to.access_key:
            raise AwsError("MissingAuthenticationToken", "The request carries no signature of AWS'.", 403)
        call = protocols.read(to, body, sent_bytes=sent_bytes)
        operation = self._operations.get((to.service, to.operation))
        if operation is None:
            raise not_supported(f"{to.operation} of {to.service}")
        self.calls.read(call)
        result = operation(call, hits)
        if Kind.APPLIED_THEN_500 in hits:
            raise _internal(to)
        if Kind.APPLIED_THEN_DROP in hits:
            raise Dropped
        return result


def _refuse_by_command(to: Addressed, hits: Hits) -> None:
    """Raises what faults put in place of the call."""
    if Kind.DROP in hits:
        raise Dropped
    if Kind.REFUSE_CREDENTIALS in hits:
        # CloudWatch's JSON keeps the codes of its query protocol; other JSON APIs have this one.
        if to.service in ("cloudwatch", "sts"):
            raise AwsError("InvalidClientTokenId", _INVALID_KEY, 403)
        raise AwsError("UnrecognizedClientException", _INVALID_KEY)
    if Kind.ACCESS_DENIED in hits:
        code = "AccessDenied" if to.service in ("cloudwatch", "sts") else "AccessDeniedException"
        where = "monitoring" if to.service == "cloudwatch" else to.service
        message = f"User is not authorized to perform: {where}:{to.operation}"
        raise AwsError(code, message, 403 if code == "AccessDenied" else 400)
    if Kind.THROTTLE in hits:
        code = "Throttling" if to.service in ("cloudwatch", "sts") else "ThrottlingException"
        raise AwsError(code, "Rate exceeded")
    if Kind.ERROR_500 in hits:
        raise _internal(to)


def _internal(to: Addressed) -> AwsError:
    message = "A commanded fault of the stand-in."
    match to.service:
        case "cloudwatch":
            return AwsError("InternalServiceError", message, 500, shape="InternalServiceFault")
        case "logs":
            return AwsError("ServiceUnavailableException", message, 500)
        case "resourcegroupstaggingapi":
            return AwsError("InternalServiceException", message, 500)
    return AwsError("InternalFailure", message, 500)
