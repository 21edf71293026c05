"""Stops a run when an alert with `abort="true"` goes on through a grace period. I/O: one HTTP call to Locust.

The exporter in Locust answers `POST /stop`: 202 it stops, 409 it was over or stopping already, 404 unknown run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

import requests

from swarmscope.edge.receiver.payload import Notification, SentAlert

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
"""Doubled after each attempt: 0.5, 1, 2, 4, 8, so a restart of Locust's exporter is survived."""
TIMEOUT_SECONDS = (3.0, 10.0)
"""To connect, and to answer."""


class StopOutcome(StrEnum):
    """What became of a stop that an alert asked for."""

    REQUESTED = "requested"
    """The grace period runs."""
    STOPPED = "stopped"
    ALREADY_STOPPING = "already_stopping"
    RECOVERED = "recovered"
    """The alert ended within the grace period."""
    UNKNOWN_RUN = "unknown_run"
    REFUSED = "refused"
    FAILED = "failed"
    DISABLED = "disabled"
    """The receiver was started without Locust's address."""

    @property
    def is_final(self) -> bool:
        """Whether the run is stopped or cannot be, so that nobody need ask again."""
        return self in (StopOutcome.STOPPED, StopOutcome.ALREADY_STOPPING, StopOutcome.UNKNOWN_RUN)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Which run to stop and why; what Locust's exporter writes into the report."""

    run: str
    system: str
    target: str
    reason: str

    @classmethod
    def of(cls, alert: SentAlert) -> StopRequest:
        """The request that an alert makes."""
        summary = alert.annotations.get("summary") or alert.name
        return cls(alert.run, alert.labels.get("system", ""), alert.labels.get("target", ""), summary)


Post = Callable[[StopRequest], tuple[int, str]]
"""Asks Locust to stop: the HTTP status and the text of its answer; raises OSError when it cannot be reached."""
Keep = Callable[[StopRequest, StopOutcome, str], None]
"""Keeps an outcome with a detail in words."""


def post_to(locust_urls: Sequence[str], token: str = "") -> Post:
    """A Post to the exporters at `locust_urls`, until one knows the run.

    The token, where there is one, goes along as a bearer token.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def post(request: StopRequest) -> tuple[int, str]:
        unknown = (int(HTTPStatus.NOT_FOUND), "nobody to ask")
        unreachable: OSError | None = None
        for url in locust_urls:
            try:
                answer = ask(f"{url.rstrip('/')}/stop", request)
            except OSError as error:
                unreachable = error
                continue
            if answer[0] != HTTPStatus.NOT_FOUND:
                return answer
            unknown = answer
        # Whether one that does not answer knows the run cannot be told: it is asked again.
        if unreachable is not None:
            raise unreachable
        return unknown

    def ask(address: str, request: StopRequest) -> tuple[int, str]:
        body = {"run": request.run, "reason": request.reason, "target": request.target}
        with requests.Session() as session:
            # The address is on this machine or in the stack's own network: never through a proxy.
            session.trust_env = False
            answer = session.post(
                address, json=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        return answer.status_code, _in_words(answer)

    return post


def _in_words(answer: requests.Response) -> str:
    """What Locust said: the exporter answers with JSON that holds `answer` or `error`; others with anything."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if isinstance(said, dict):
        return str(said.get("error") or said.get("answer") or "")[:200]
    return answer.text[:200].strip()


@dataclass(slots=True)
class _Pending:
    """A run whose grace period goes on, and the groups of alerts that want it stopped."""

    request: StopRequest
    groups: set[str]
    task: asyncio.Task[None]
    is_asking: bool = False


@dataclass(slots=True)
class RunStopper:
    """Waits out each breach's grace period, then asks Locust once per run. Runs in one event loop."""

    post: Post | None
    keep: Keep
    grace_seconds: float = 5.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _settled: set[str] = field(default_factory=set)
    _pending: dict[str, _Pending] = field(default_factory=dict)

    def settle(self, run: str) -> None:
        """Never ask for this run (again): an earlier process has."""
        self._settled.add(run)

    def consider(self, notification: Notification) -> None:
        """Start, keep or call off the stop of the runs that this notification is about."""
        asking: dict[str, SentAlert] = {}
        for alert in notification.alerts:
            if alert.asks_to_stop:
                asking.setdefault(alert.run, alert)
        for run, alert in asking.items():
            if run not in self._settled:
                self._ask(run, alert, notification.group_key)
        # A notification lists everything of its group that goes on: what it leaves out has ended.
        for run, pending in list(self._pending.items()):
            if notification.group_key in pending.groups and run not in asking:
                self._release(run, pending, notification.group_key)

    async def close(self) -> None:
        """Call off what waits; a stop that is being asked for is not waited for."""
        pending = list(self._pending.values())
        self._pending.clear()
        for waiting in pending:
            waiting.task.cancel()
        await asyncio.gather(*(waiting.task for waiting in pending), return_exceptions=True)

    def _ask(self, run: str, alert: SentAlert, group_key: str) -> None:
        pending = self._pending.get(run)
        if pending is not None:
            pending.groups.add(group_key)
            return
        request = StopRequest.of(alert)
        if self.post is None:
            self._settled.add(run)
            self.keep(request, StopOutcome.DISABLED, "the receiver was started without --locust")
            return
        self.keep(request, StopOutcome.REQUESTED, f"stops in {self.grace_seconds:g}s unless it recovers")
        task = asyncio.get_running_loop().create_task(self._wait_and_stop(request, self.post))
        self._pending[run] = _Pending(request, {group_key}, task)

    def _release(self, run: str, pending: _Pending, group_key: str) -> None:
        pending.groups.discard(group_key)
        if pending.groups or pending.is_asking:
            return
        del self._pending[run]
        pending.task.cancel()
        self.keep(pending.request, StopOutcome.RECOVERED, "the alert ended within the grace period")

    async def _wait_and_stop(self, request: StopRequest, post: Post) -> None:
        await self.sleep(self.grace_seconds)
        self._pending[request.run].is_asking = True
        outcome, detail = await self._try(request, post)
        self._pending.pop(request.run, None)
        if outcome.is_final:
            self._settled.add(request.run)
        self.keep(request, outcome, detail)

    async def _try(self, request: StopRequest, post: Post) -> tuple[StopOutcome, str]:
        pause = FIRST_PAUSE_SECONDS
        trouble = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, text = await asyncio.to_thread(post, request)
            except OSError as error:  # requests' errors are OSErrors
                trouble = f"Locust cannot be reached: {_without_address(error)}"
            else:
                outcome = _outcome(status)
                if outcome is not StopOutcome.FAILED:
                    return outcome, f"{status} {text}".strip()
                trouble = f"Locust answered {status} {text}".strip()
            if attempt < ATTEMPTS:
                await self.sleep(pause)
                pause *= 2
        return StopOutcome.FAILED, f"{trouble} ({ATTEMPTS} attempts)"


def _outcome(status: int) -> StopOutcome:
    if 200 <= status < 300:
        return StopOutcome.STOPPED
    known = {404: StopOutcome.UNKNOWN_RUN, 409: StopOutcome.ALREADY_STOPPING}
    if status in known:
        return known[status]
    # Asking again changes nothing about a refusal; a server's trouble or a throttle may pass.
    return StopOutcome.REFUSED if status < 500 and status != 429 else StopOutcome.FAILED


def _without_address(error: OSError) -> str:
    """requests' errors hold the whole connection's story; their kind is enough for a page."""
    return type(error).__name__
