"""HTTP bodies ↔ operations, in the protocols that boto3 speaks: AWS JSON, and the query protocol of older ones.

What botocore 1.44 sends to CloudWatch is JSON with its errors named as in the query protocol. Everything else, such
as CBOR, is refused. The models are botocore's own. No I/O.
"""

from __future__ import annotations

import json
import re
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from moto.core.model import ServiceModel
from moto.core.serialize import QuerySerializer

from reference.aws.errors import AwsError, invalid_value, missing, not_supported, validation
from reference.aws.shapes import Reader, Refuse

SERVICES = ("cloudwatch", "logs", "resourcegroupstaggingapi", "sts")
MOST_BYTES = 16 * 1024 * 1024
"""Of a body once it is unpacked; what is larger is no request of AWS'."""
MOST_PARAMETERS = 400_000
"""Of one query request; below MOST_BYTES, so that what is refused is refused with AWS' words for it."""
_NAMED = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
"""Signing name → service, where it differs."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read."""

    service: str
    operation: str
    parameters: dict[str, Any]
    protocol: str
    access_key: str
    body_bytes: int
    """As it came, packed or not."""
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class Addressed:
    """Where a request goes, known before its body is."""

    service: str
    operation: str
    protocol: str
    access_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    headers: dict[str, str]


@cache
def model_of(service: str) -> Any:
    """botocore's model of a service, in moto's classes."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def address(headers: Mapping[str, str], body: bytes) -> Addressed:
    """Who calls what, from headers (and, in the query protocol, from the unpacked body); raises AwsError."""
    credential = re.search(
        r"Credential=([^/,\s]+)/\d{8}/[^/]+/([a-z0-9-]+)/", headers.get("authorization", "")
    )
    key, signed_for = credential.groups() if credential else ("", "")
    target = headers.get("x-amz-target", "")
    if target:
        prefix, _, operation = target.rpartition(".")
        for service in SERVICES:
            if model_of(service).metadata.get("targetPrefix") == prefix:
                return Addressed(service, operation, "json", key)
        raise not_supported(f"the API of {target!r}")
    if "cbor" in headers.get("content-type", "") or "smithy-protocol" in headers:
        raise not_supported("the protocol rpc-v2-cbor")
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        service = _NAMED.get(signed_for, signed_for)
        action = re.search(rb"(?:^|&)Action=(\w+)", body)
        if service in SERVICES and "query" in model_of(service).metadata.get("protocols", ()):
            return Addressed(service, action[1].decode() if action else "", "query", key)
        if service:
            raise not_supported(f"the API {service!r} in the query protocol")
    if not credential:
        raise AwsError("MissingAuthenticationToken", "The request carries no signature of AWS'.", 403)
    raise not_supported(f"the API {signed_for!r}")


def unpack(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body without its compression; raises AwsError."""
    encoding = headers.get("content-encoding", "")
    if encoding not in ("", "gzip", "identity", "aws-chunked"):
        raise AwsError("SerializationException", f"Unknown Content-Encoding {encoding!r}.")
    if encoding != "gzip":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(body, MOST_BYTES)
    except zlib.error:
        raise AwsError("SerializationException", "The body is not gzip.") from None
    if unpacker.unconsumed_tail:
        raise AwsError("RequestEntityTooLarge", "The request is too large.", 413)
    if not unpacker.eof:
        raise AwsError("SerializationException", "The gzip ends too early.")
    return found


def read(to: Addressed, body: bytes, *, sent_bytes: int) -> Call:
    """The call that a body makes; raises AwsError for what its model does not allow."""
    model = model_of(to.service)
    if to.operation not in model.operation_names:
        code = "InvalidAction" if to.protocol == "query" else "UnknownOperationException"
        raise AwsError(code, f"Could not find operation {to.operation}.")
    shape = model.operation_model(to.operation).input_shape
    raw = _form(body) if to.protocol == "query" else _document(body)
    reader = Reader(*_words(to), is_text=to.protocol == "query")
    parameters = reader.read(shape, raw) if shape is not None else {}
    return Call(to.service, to.operation, parameters, to.protocol, to.access_key, sent_bytes, len(body))


def _words(to: Addressed) -> tuple[Refuse, Refuse]:
    match to.service:
        case "cloudwatch" if to.operation == "GetMetricData":
            return validation, validation
        case "cloudwatch":
            return invalid_value, missing
        case "sts":
            return validation, validation
    return invalid_parameter, invalid_parameter


def invalid_parameter(message: str) -> AwsError:
    """Logs and tagging: a parameter is wrong or missing."""
    return AwsError("InvalidParameterException", message)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The body is not JSON.") from None


def _form(body: bytes) -> dict[str, Any]:
    """`MetricData.member.1.Value=2` as nested dictionaries."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise AwsError("MalformedQueryString", "The body is no query string.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        inner = found
        *outer, last = name.split(".")
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise AwsError("MalformedQueryString", f"{name} is given twice, in different ways.")
        inner[last] = value
    return found


def answer(to: Addressed, result: Mapping[str, Any]) -> Answer:
    """The response of a call that went well; times in `result` are Unix seconds."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    model = model_of(to.service)
    if to.protocol == "query":
        serializer = QuerySerializer(model.operation_model(to.operation))
        serializer.context.request_id = request_id
        body = str(serializer.serialize(result)["body"])
        return Answer(200, body.encode(), {**headers, "Content-Type": "text/xml"})
    # An operation without output answers with an empty body in CloudWatch and with {} elsewhere: boto3 reads both.
    return Answer(200, json.dumps(result).encode(), {**headers, "Content-Type": _json_type(model)})


def refusal(to: Addressed | None, error: AwsError) -> Answer:
    """The response of a call that did not."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if to is not None and to.protocol == "query":
        body = (
            f"<ErrorResponse><Error><Type>{'Sender' if error.is_senders else 'Receiver'}</Type>"
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Answer(error.status, body.encode(), {**headers, "Content-Type": "text/xml"})
    model = model_of(to.service) if to is not None else None
    if model is not None and "awsQueryCompatible" in model.metadata:
        headers["x-amzn-query-error"] = f"{error.code};{'Sender' if error.is_senders else 'Receiver'}"
    document = {"__type": error.shape, "message": error.message}
    kind = _json_type(model) if model is not None else "application/x-amz-json-1.1"
    return Answer(error.status, json.dumps(document).encode(), {**headers, "Content-Type": kind})


def _json_type(model: Any) -> str:
    return f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.1')}"
