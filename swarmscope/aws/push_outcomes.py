"""What became of a call of PutMetricData, and whether it may be made again. No I/O.

PutMetricData is not idempotent: a call that was applied and whose answer got lost counts twice when it is made again.
So only calls that AWS certainly did not apply are repeated.

answer                                             outcome       again?
-------------------------------------------------  ------------  ------------------------------------------
200                                                stored        no
throttled (429, Throttling…, RequestLimitExceeded) throttled     yes, after a growing pause
no connection (refused, DNS, connect timeout)      unreachable   yes, after a growing pause
credentials missing, wrong, expired; no permission credentials   yes: they may be repaired while the load runs
other 4xx (a datum that AWS does not take)         refused       no: it would be refused again
5xx, read timeout, connection lost, anything else  ambiguous     no, unless that is asked for
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a call; the value is the `result` label of its counter."""

    STORED = "stored"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    CREDENTIALS = "credentials"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"

    @property
    def was_certainly_not_applied(self) -> bool:
        """Whether making the call again can double nothing."""
        return self in (Outcome.THROTTLED, Outcome.UNREACHABLE, Outcome.CREDENTIALS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of a call."""

    outcome: Outcome
    reason: str = ""
    """For people, without anything secret."""


_THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete", "RequestLimitExceeded",
        "RequestThrottled", "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling",
        "ThrottlingException", "TooManyRequestsException", "TransactionInProgressException",
    }
)  # fmt: skip
"""botocore's own list of what is throttling, less what is not about rates."""

_CREDENTIALS = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AuthFailure", "ExpiredToken", "ExpiredTokenException",
        "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
        "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired",
        "RequestExpired", "SignatureDoesNotMatch", "UnauthorizedOperation", "UnrecognizedClientException",
    }
)  # fmt: skip


def outcome_of(status: int, code: str) -> Outcome:
    """The outcome of a call that was answered with an error: its HTTP status and AWS' error code."""
    if status == 429 or code in _THROTTLES:
        return Outcome.THROTTLED
    if status in (401, 403) or code in _CREDENTIALS:
        return Outcome.CREDENTIALS
    return Outcome.REFUSED if 400 <= status < 500 else Outcome.AMBIGUOUS


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between attempts of the same call: doubled each time, up to the longest, and scattered."""

    first: float = 0.5
    longest: float = 8.0

    def after(self, failures: int, scatter: float) -> float:
        """The pause after so many failures in a row (from 1); `scatter` is a number from 0 to 1 drawn by chance.

        Half of it is certain and half is chance, so that many generators do not come back at the same moment.
        """
        pause: float = min(self.longest, self.first * 2.0 ** min(failures - 1, 20))
        return pause * (0.5 + scatter / 2)
