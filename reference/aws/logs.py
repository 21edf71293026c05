"""CloudWatch Logs: groups, streams, PutLogEvents and FilterLogEvents, with their limits."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from reference.aws.cloudwatch import Hits
from reference.aws.errors import AwsError, not_supported
from reference.aws.faults import Fault, Kind
from reference.aws.log_patterns import matcher
from reference.aws.log_store import Group, LogStore
from reference.aws.protocols import Call, invalid_parameter
from reference.aws.settings import ACCOUNT, StandInSettings

MOST_EVENTS = 10_000
"""Of one PutLogEvents, and of one page of FilterLogEvents."""
MOST_PUT_BYTES = 1_048_576
MOST_PAGE_BYTES = 1_048_576
EVENT_BYTES = 26
"""What each event counts beside its text."""
OLDEST_MS = 14 * 24 * 3600 * 1000
NEWEST_MS = 2 * 3600 * 1000
LONGEST_BATCH_MS = 24 * 3600 * 1000
LATEST_MS = 10**15


class Logs:
    """The log groups of the stand-in's account."""

    def __init__(self, settings: StandInSettings, clock: Callable[[], float]) -> None:
        """`clock` is Unix seconds."""
        self._settings, self._clock = settings, clock
        self.store = LogStore()
        self._filter_calls: deque[float] = deque()
        self._has_told = False

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {
            "CreateLogGroup": self._create_group,
            "CreateLogStream": self._create_stream,
            "DescribeLogGroups": self._describe_groups,
            "PutLogEvents": self._put,
            "FilterLogEvents": self._filter,
        }

    def write(self, group_name: str, stream: str, events: list[tuple[int, str]], late: Fault | None) -> None:
        """Store what a function wrote; its group and stream are made when they are not there."""
        group = self.store.groups.get(group_name)
        if group is None:
            group = self.store.groups[group_name] = Group(group_name, self._now_ms())
        group.streams.setdefault(stream, self._now_ms())
        self._store(group, stream, events, late)

    def group(self, name: str) -> Group:
        """A group by its name or ARN; raises AwsError."""
        found = self.store.groups.get(name.rpartition(":log-group:")[2].removesuffix(":*"))
        if found is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return found

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _store(self, group: Group, stream: str, events: list[tuple[int, str]], late: Fault | None) -> None:
        now = self._clock()
        extra = 0.0 if late is None else late.delay_ms / 1000
        visible_at = now + self._settings.logs_delay_seconds + extra
        self.store.put(group, stream, events, now, visible_at, late=late is not None)

    def _create_group(self, call: Call, _: Hits) -> dict[str, Any]:
        name = call.parameters["logGroupName"]
        if unknown := set(call.parameters) - {"logGroupName"}:
            raise not_supported(f"{', '.join(sorted(unknown))} in CreateLogGroup")
        if name in self.store.groups:
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
        self.store.groups[name] = Group(name, self._now_ms())
        return {}

    def _create_stream(self, call: Call, _: Hits) -> dict[str, Any]:
        group, name = self.group(call.parameters["logGroupName"]), call.parameters["logStreamName"]
        if name in group.streams:
            raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
        group.streams[name] = self._now_ms()
        return {}

    def _describe_groups(self, call: Call, _: Hits) -> dict[str, Any]:
        known = {"logGroupNamePrefix", "logGroupNamePattern", "nextToken", "limit"}
        if unknown := set(call.parameters) - known:
            raise not_supported(f"{', '.join(sorted(unknown))} in DescribeLogGroups")
        prefix, part = (call.parameters.get(f"logGroupName{each}", "") for each in ("Prefix", "Pattern"))
        if prefix and part:
            raise invalid_parameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive.")
        after, most = call.parameters.get("nextToken", ""), call.parameters.get("limit", 50)
        names = sorted(
            name
            for name in self.store.groups
            if name.startswith(prefix) and part.lower() in name.lower() and name > after
        )
        shown = [self._described(self.store.groups[name]) for name in names[:most]]
        return {"logGroups": shown} | ({"nextToken": names[most - 1]} if len(names) > most else {})

    def _described(self, group: Group) -> dict[str, Any]:
        arn = f"arn:aws:logs:{self._settings.region}:{ACCOUNT}:log-group:{group.name}"
        return {
            "logGroupName": group.name,
            "creationTime": group.created,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "storedBytes": group.stored_bytes,
            "logGroupClass": "STANDARD",
        }

    def _put(self, call: Call, hits: Hits) -> dict[str, Any]:
        group, stream = self.group(call.parameters["logGroupName"]), call.parameters["logStreamName"]
        if stream not in group.streams:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        events = [(event["timestamp"], event["message"]) for event in call.parameters["logEvents"]]
        if sum(len(message.encode()) + EVENT_BYTES for _, message in events) > MOST_PUT_BYTES:
            raise invalid_parameter(f"Upload too large: more than {MOST_PUT_BYTES} bytes.")
        times = [timestamp for timestamp, _ in events]
        if times != sorted(times):
            raise invalid_parameter(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        if times[-1] - times[0] > LONGEST_BATCH_MS:
            raise invalid_parameter(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        now = self._now_ms()
        kept = [event for event in events if now - OLDEST_MS <= event[0] <= now + NEWEST_MS]
        self._store(group, stream, kept, hits.get(Kind.LATE))
        rejected = {}
        if (old := sum(moment < now - OLDEST_MS for moment in times)) > 0:
            rejected["tooOldLogEventEndIndex"] = old
        if (new := sum(moment > now + NEWEST_MS for moment in times)) > 0:
            rejected["tooNewLogEventStartIndex"] = len(times) - new
        return {"nextSequenceToken": "0"} | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    def _filter(self, call: Call, hits: Hits) -> dict[str, Any]:
        self._admit()
        asked = dict(call.parameters)
        token = asked.pop("nextToken", "")
        name = asked.get("logGroupName") or asked.get("logGroupIdentifier")
        if not name or ("logGroupName" in asked and "logGroupIdentifier" in asked):
            raise invalid_parameter("Exactly one of logGroupName and logGroupIdentifier is required.")
        if asked.get("unmask") or asked.get("startFromHead") is False:
            raise not_supported("unmask, and startFromHead: false, in FilterLogEvents")
        prefix, streams = asked.get("logStreamNamePrefix", ""), asked.get("logStreamNames", [])
        if prefix and streams:
            raise invalid_parameter("logStreamNames and logStreamNamePrefix are mutually exclusive.")
        matches = matcher(asked.get("filterPattern", ""))
        group = self.group(name)
        start, end = asked.get("startTime", 0), asked.get("endTime", LATEST_MS)
        if end < start:
            raise invalid_parameter("The endTime must not be before the startTime.")
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        after = _position(token, digest)
        if Kind.EMPTY_PAGE in hits:
            return {"events": [], "nextToken": _token(after or (0, 0), digest), "searchedLogStreams": []}
        self.store.settle(self._clock())
        self._tell_what_is_forgotten()
        most = asked.get("limit", MOST_EVENTS)
        found: list[dict[str, Any]] = []
        looked_at = size = 0
        for line in self.store.between(group, start, end, after):
            if looked_at >= self._settings.lines_per_page or len(found) >= most or size >= MOST_PAGE_BYTES:
                last = after or (0, 0)
                return {"events": found, "nextToken": _token(last, digest), "searchedLogStreams": []}
            looked_at += 1
            after = (line.timestamp, line.number)
            if (streams and line.stream not in streams) or not line.stream.startswith(prefix):
                continue
            if matches(line.message):
                size += len(line.message) + EVENT_BYTES
                found.append({
                    "logStreamName": line.stream,
                    "timestamp": line.timestamp,
                    "message": line.message,
                    "ingestionTime": line.ingested,
                    "eventId": line.id,
                })  # fmt: skip
        return {"events": found, "searchedLogStreams": []}

    def _tell_what_is_forgotten(self) -> None:
        if self.store.dropped and not self._has_told:
            self._has_told = True
            print(
                "The stand-in for AWS has forgotten its oldest log lines: answers lack them.", file=sys.stderr
            )

    def _admit(self) -> None:
        """Raises AwsError for the sixth call within a second: the quota of the whole account."""
        now = self._clock()
        while self._filter_calls and self._filter_calls[0] <= now - 1:
            self._filter_calls.popleft()
        if len(self._filter_calls) >= self._settings.filter_calls_per_second:
            raise AwsError("ThrottlingException", "Rate exceeded")
        self._filter_calls.append(now)


def _token(after: tuple[int, int], digest: str) -> str:
    # A number of its own, because boto3's paginator takes the same token twice for an endless loop.
    own = uuid.uuid4().hex[:8]
    return base64.urlsafe_b64encode(json.dumps([*after, digest, own]).encode()).decode()


def _position(token: str, digest: str) -> tuple[int, int] | None:
    if not token:
        return None
    try:
        timestamp, number, of, _ = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        of = ""
    if of != digest:
        raise invalid_parameter("The specified nextToken is invalid.")
    return timestamp, number
