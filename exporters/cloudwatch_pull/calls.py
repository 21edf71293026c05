"""Makes every call of AWS: counts it, says once what is wrong, and tells the pollers whether to try again. I/O."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from exporters.cloudwatch_pull.clients import Clients
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from swarmscope.aws.actions import CALLED
from swarmscope.aws.families import API_CALLS

_log = logging.getLogger(__name__)
T = TypeVar("T")

THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "LimitExceededException",
    "SlowDown",
    "RequestThrottled",
    "RequestThrottledException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_LONGEST_MESSAGE = 300


class CallFailed(Exception):
    """A call of AWS that brought nothing."""

    def __init__(
        self, operation: str, result: CallResult, words: str, *, credentials_fail: bool = False
    ) -> None:
        super().__init__(f"{operation}: {words}")
        self.result = result
        self.credentials_fail = credentials_fail
        """Whether every other call would fail for the same reason."""


class AwsCalls:
    """Every call of AWS that the exporter makes."""

    def __init__(self, clients: Clients, own: OwnMetrics) -> None:
        self._clients = clients
        self._own = own
        self._lock = threading.Lock()
        self._told: dict[str, str] = {}
        """Trouble that was told of: by what is in trouble, what it was."""

    def call(self, service: str, operation: str, ask: Callable[[Any], T], *, absent: str = "") -> T | None:
        """What `ask` gets from the service's client; `operation` is the API's name for it.

        None when AWS answers with the code `absent`. Raises CallFailed, whose message never holds what could be a
        secret.
        """
        answer: T | None = None
        try:
            answer = ask(self._clients.get(service))
        except (ClientError, BotoCoreError, ValueError) as error:
            if not absent or _code(error) != absent:
                raise self._failed(operation, error) from None
        self._own.add(API_CALLS, 1, operation, CallResult.SUCCESS)
        self._works("credentials")
        self._works(operation)
        return answer

    def _failed(self, operation: str, error: Exception) -> CallFailed:
        code = _code(error)
        # An assumed role is asked for in the middle of another operation.
        asked = getattr(error, "operation_name", operation)
        if code in THROTTLED:
            result, about, words = CallResult.THROTTLED, "", f"throttled ({code})"
        elif _is_about_credentials(error, code):
            self._clients.renew()
            result, about = CallResult.REFUSED, "credentials"
            words = f"AWS credentials are {_state(error, code)}: no metrics from AWS until there are others"
        elif code in FORBIDDEN:
            action = CALLED.get(asked, asked)
            result, about = CallResult.REFUSED, asked
            words = f"AWS refuses {asked}: the credentials lack the permission {action}"
        else:
            result, about = CallResult.ERROR, asked
            words = f"AWS cannot be asked for {asked}: {_in_short(error, code)}"
        self._own.add(API_CALLS, 1, asked if asked in CALLED else operation, result)
        if about:
            self._tell(about, words)
        return CallFailed(asked, result, words, credentials_fail=about == "credentials")

    def _tell(self, about: str, words: str) -> None:
        with self._lock:
            # One message, however many calls fail: for credentials not even one for each way to say no.
            if about in self._told:
                return
            self._told[about] = words
        _log.error("%s", words)

    def _works(self, about: str) -> None:
        with self._lock:
            if self._told.pop(about, None) is None:
                return
        _log.info("AWS: %s", "the credentials work now" if about == "credentials" else f"{about} works again")


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _is_about_credentials(error: Exception, code: str) -> bool:
    # botocore has a dozen errors for profiles, logins and tokens that are not there or have run out.
    name = "" if isinstance(error, ClientError) else type(error).__name__
    return code in CREDENTIALS or any(
        word in name for word in ("Credential", "ProfileNotFound", "SSO", "Token", "Login")
    )


def _state(error: Exception, code: str) -> str:
    if isinstance(error, NoCredentialsError):
        return "missing"
    if "Expired" in code:
        return f"expired ({code})"
    return f"wrong ({code or type(error).__name__})"


def _in_short(error: Exception, code: str) -> str:
    """AWS' own words, one line and no more than that; errors about credentials never come here."""
    text = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    return f"{code or type(error).__name__}: {text}"
