import gzip
import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest

from reference.aws.running import RunningAws

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=testing/20261128/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)
TARGET = "GraniteServiceVersion20100801."
JSON = "application/x-amz-json-1.0"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

CUT_SHORT = gzip.compress(b"{}" * 99, mtime=0)[:-9]
HUGE = gzip.compress(b" " * 20_000_000, mtime=0)


def send(
    aws: RunningAws, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(aws.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(method, "/", body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def json_call(aws: RunningAws, operation: str, body: bytes, **more: str) -> tuple[int, Any]:
    headers = {
        "Content-Type": JSON,
        "X-Amz-Target": operation,
        "Authorization": SIGNED.format("monitoring"),
        **more,
    }
    status, _, answer = send(aws, body, headers)
    return status, json.loads(answer)


def query(aws: RunningAws, service: str, **parameters: str) -> tuple[int, ElementTree.Element]:
    headers = {"Content-Type": FORM, "Authorization": SIGNED.format(service)}
    status, _, answer = send(aws, urlencode(parameters).encode(), headers)
    return status, ElementTree.fromstring(answer)  # noqa: S314


def texts(root: ElementTree.Element, name: str) -> list[str]:
    return [element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == name]


def test_older_clients_are_answered_in_the_query_protocol(aws: RunningAws) -> None:
    import time
    from datetime import UTC, datetime

    minute = int(time.time()) // 60 * 60 - 120
    moment = datetime.fromtimestamp(minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    end = datetime.fromtimestamp(minute + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    datum = "MetricData.member.1."
    status, root = query(
        aws, "monitoring", Action="PutMetricData", Namespace="query/round",
        **{f"{datum}MetricName": "m", f"{datum}Timestamp": moment, f"{datum}Values.member.1": "1.5",
           f"{datum}Values.member.2": "2", f"{datum}Counts.member.1": "3", f"{datum}Counts.member.2": "1",
           f"{datum}Dimensions.member.1.Name": "a", f"{datum}Dimensions.member.1.Value": "b"},
    )  # fmt: skip
    assert (status, root.tag) == (
        200,
        "{http://monitoring.amazonaws.com/doc/2010-08-01/}PutMetricDataResponse",
    )
    asked = "MetricDataQueries.member.1."
    status, root = query(
        aws, "monitoring", Action="GetMetricData", StartTime=moment, EndTime=end,
        **{f"{asked}Id": "q", f"{asked}MetricStat.Stat": "p50", f"{asked}MetricStat.Period": "60",
           f"{asked}MetricStat.Metric.Namespace": "query/round", f"{asked}MetricStat.Metric.MetricName": "m",
           f"{asked}MetricStat.Metric.Dimensions.member.1.Name": "a",
           f"{asked}MetricStat.Metric.Dimensions.member.1.Value": "b"},
    )  # fmt: skip
    assert status == 200
    assert (texts(root, "Id"), texts(root, "StatusCode")) == (["q"], ["Complete"])
    values = [element for element in root.iter() if element.tag.endswith("}Values")]
    assert [texts(each, "member") for each in values] == [["1.5"]]
    moments = [element for element in root.iter() if element.tag.endswith("}Timestamps")]
    assert [texts(each, "member") for each in moments] == [[moment]]


def test_errors_of_the_query_protocol_are_xml(aws: RunningAws) -> None:
    status, root = query(aws, "monitoring", Action="PutMetricData", Namespace="AWS/<x>")
    assert (status, texts(root, "Code"), texts(root, "Type")) == (400, ["InvalidParameterValue"], ["Sender"])
    status, root = query(aws, "monitoring", Action="Explode")
    assert (status, texts(root, "Code")) == (400, ["InvalidAction"])
    status, root = query(aws, "monitoring", Action="DescribeAnomalyDetectors")
    assert (status, texts(root, "Code"), texts(root, "Type")) == (
        501,
        ["NotSupportedByStandIn"],
        ["Receiver"],
    )


def test_errors_of_json_carry_both_names(aws: RunningAws) -> None:
    headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "PutMetricData",
               "Authorization": SIGNED.format("monitoring")}  # fmt: skip
    status, found, body = send(aws, b'{"Namespace": "AWS/x"}', headers)
    assert (status, found["x-amzn-query-error"]) == (400, "InvalidParameterValue;Sender")
    assert json.loads(body) == {
        "__type": "InvalidParameterValueException",
        "message": "The value AWS/ for parameter Namespace is invalid.",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingRequiredParameterException"),
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"null", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"Namespace": 1}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": {}}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [1]}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{}]}', "MissingRequiredParameterException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": "x"}]}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": true}]}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": "soon"}]}',
         "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": 1e300}]}',
         "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": NaN}]}',
         "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Values": [1, null]}]}', "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1, "StorageResolution": 1.5}]}',
         "SerializationException"),
        (b'{"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1, "StorageResolution": 1e400}]}',
         "SerializationException"),
    ],
)  # fmt: skip
def test_malformed_bodies_are_answered_like_aws_would(aws: RunningAws, body: bytes, code: str) -> None:
    status, answer = json_call(aws, TARGET + "PutMetricData", body)
    assert status == 400
    assert answer["__type"] == code


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"", 403, "MissingAuthenticationToken"),
        ({"X-Amz-Target": TARGET + "ListMetrics"}, b"{}", 403, "MissingAuthenticationToken"),
        ({"X-Amz-Target": "DynamoDB_20120810.GetItem"}, b"{}", 501, "NotSupportedByStandIn"),
        ({"X-Amz-Target": TARGET + "Explode", "Authorization": SIGNED.format("monitoring")}, b"{}", 400,
         "UnknownOperationException"),
        ({"Authorization": SIGNED.format("s3")}, b"", 501, "NotSupportedByStandIn"),
        ({"Content-Type": FORM, "Authorization": SIGNED.format("sqs")}, b"Action=SendMessage", 501,
         "NotSupportedByStandIn"),
        ({"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor",
          "Authorization": SIGNED.format("monitoring")}, b"\xa0", 501, "NotSupportedByStandIn"),
        ({"X-Amz-Target": TARGET + "ListMetrics", "Content-Encoding": "gzip"}, b"no gzip", 400,
         "SerializationException"),
        ({"X-Amz-Target": TARGET + "ListMetrics", "Content-Encoding": "gzip"}, CUT_SHORT, 400,
         "SerializationException"),
        ({"X-Amz-Target": TARGET + "ListMetrics", "Content-Encoding": "br"}, b"{}", 400, "SerializationException"),
        ({"X-Amz-Target": TARGET + "ListMetrics", "Content-Encoding": "gzip"}, HUGE,
         413, "RequestEntityTooLarge"),
        ({"X-Amz-Target": TARGET + "ListMetrics"}, b" " * 17_000_000, 413, "RequestEntityTooLarge"),
    ],
)  # fmt: skip
def test_requests_that_are_no_calls_are_refused(
    aws: RunningAws, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    try:
        found, _, answer = send(aws, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # refused before the body was all sent
        return
    assert (found, json.loads(answer)["__type"]) == (status, code)


def test_methods_other_than_post_are_no_calls(aws: RunningAws) -> None:
    assert send(aws, b"", {}, method="PUT")[0] == 403
    status, _, body = send(aws, b"", {}, method="GET")
    assert status == 200
    assert json.loads(body)["notice"].endswith("It is not AWS.")


def test_what_is_not_http_is_cut_off(aws: RunningAws) -> None:
    parts = urlsplit(aws.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_malformed_form_is_told(aws: RunningAws) -> None:
    headers = {"Content-Type": FORM, "Authorization": SIGNED.format("monitoring")}
    for body in (b"Action=ListMetrics&x", b"Action=ListMetrics&a=1&a.b=2", b"Action=ListMetrics&x=\xff"):
        status, _, answer = send(aws, body, headers)
        root = ElementTree.fromstring(answer)  # noqa: S314
        assert (status, texts(root, "Code")) == (400, ["MalformedQueryString"])


def test_gzip_is_read_and_both_sizes_are_counted(aws: RunningAws) -> None:
    aws.clear_calls()
    body = b'{"Namespace": "n"}' + b" " * 10_000
    packed = gzip.compress(body)
    status, answer = json_call(aws, TARGET + "ListMetrics", packed, **{"Content-Encoding": "gzip"})
    assert (status, answer) == (200, {"Metrics": []})
    counts = aws.calls()["ListMetrics"]
    assert (counts["largest_body_bytes"], counts["largest_unpacked_bytes"]) == (len(packed), len(body))
