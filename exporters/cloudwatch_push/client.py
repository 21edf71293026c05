"""The call of PutMetricData by boto3, and what its answer means. Runs in a thread beside the load.

boto3 is imported here and nowhere earlier, when the push exporter is wanted. Locust has patched `ssl` by then, as the
`locust` command does before it reads a locustfile, so the order of imports in a locustfile does not matter. (A Python
that has imported boto3 before Locust cannot import Locust at all: RecursionError, from Locust's own SSL context.)
Credentials stay inside boto3: no message of ours holds any, and its own debugging output, which would, is silenced.
"""

from __future__ import annotations

import logging
from typing import Any

from swarmscope.aws.push_batches import Batch
from swarmscope.aws.push_outcomes import Answer, Outcome, outcome_of

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
_LONGEST_REASON = 300


class CloudWatchClient:
    """Puts batches into one namespace; boto3 finds region and credentials where they usually are."""

    def __init__(
        self,
        namespace: str,
        region: str = "",
        endpoint_url: str = "",
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        """Make the client (0.4 s: before the load); raises botocore's errors, for instance without a region."""
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import NoRegionError  # noqa: PLC0415

        keep_quiet()
        self._namespace = namespace
        self._client = boto3.client(
            "cloudwatch",
            region_name=region or None,
            endpoint_url=endpoint_url or None,
            config=Config(
                # PutMetricData is not idempotent: the sender alone decides what is repeated.
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=connect_seconds,
                read_timeout=read_seconds,
                # The data are ours and well-formed; looking at each of 10,000 values again holds up the load.
                parameter_validation=False,
                user_agent_extra="swarmscope",
            ),
        )
        if not self._client.meta.region_name:  # an empty variable
            raise NoRegionError
        self._client.meta.events.register("before-sign.cloudwatch.PutMetricData", _close_afterwards)

    @property
    def protocol(self) -> str:
        """How bodies are written, which decides how large they are."""
        return str(self._client.meta.service_model.resolved_protocol)

    @property
    def where(self) -> str:
        """Endpoint and region, for people."""
        return f"{self._client.meta.endpoint_url} ({self._client.meta.region_name})"

    def put(self, batch: Batch) -> Answer:
        """Make one call; never raises for what a network or AWS can do."""
        from botocore import exceptions  # noqa: PLC0415

        try:
            self._client.put_metric_data(
                Namespace=self._namespace, MetricData=[datum.as_api() for datum in batch.data]
            )
        except exceptions.ClientError as error:
            return _refusal(error.response)
        except (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.TokenRetrievalError,
            exceptions.SSOError,
            exceptions.LoginError,
        ) as error:
            # Its text may quote what a credential process printed.
            return Answer(Outcome.CREDENTIALS, type(error).__name__)
        except (
            exceptions.EndpointConnectionError,
            exceptions.ConnectTimeoutError,
            exceptions.ProxyConnectionError,
        ) as error:
            return Answer(Outcome.UNREACHABLE, type(error).__name__)
        except Exception as error:
            # Whatever it is, the call may have been applied.
            return Answer(Outcome.AMBIGUOUS, type(error).__name__)
        return Answer(Outcome.STORED)


def _refusal(response: dict[str, Any]) -> Answer:
    error = response.get("Error", {})
    code = str(error.get("Code", "")).rpartition("#")[2]
    outcome = outcome_of(int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), code)
    # Only what is wrong with the data is worth more than its code; messages about signatures quote requests.
    text = str(error.get("Message", "")) if outcome is Outcome.REFUSED else ""
    return Answer(outcome, f"{code}: {text}"[:_LONGEST_REASON] if text else code)


def _close_afterwards(request: Any, **_: Any) -> None:
    """Ask for a connection per call: one that is kept for a minute may be closed just when the next call is sent.

    Nobody could tell then whether that call was applied. It also keeps gevent's sockets inside one thread.
    """
    request.headers["Connection"] = "close"


def keep_quiet() -> None:
    """Let botocore and urllib3 write warnings only: their debugging output holds signed requests and session tokens."""
    for name in ("botocore", "boto3", "urllib3"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.WARNING:
            logger.setLevel(logging.WARNING)
