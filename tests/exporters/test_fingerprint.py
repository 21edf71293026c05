import pytest
import requests
from geventhttpclient.useragent import BadStatusCode

from exporters.fingerprint import MAX_LENGTH, fingerprint


class CatchResponseError(Exception):
    """Named as Locust's own wrapper of a scenario's words."""


def http_error(status):
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} Client Error for url: http://h/orders/817", response=response)


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (ValueError("order 817 is not 3.5 or 1,000"), "ValueError: order <n> is not <n> or <n>"),
        (KeyError("id"), "KeyError: <text>"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "ConnectionRefusedError: [Errno <n>] Connection refused",
        ),
        (OSError("no route to 10.0.0.7:8000"), "OSError: no route to <address>"),
        (RuntimeError("GET https://host:8000/a/b?c=1 failed"), "RuntimeError: GET <url> failed"),
        (RuntimeError("trace 6f1c2a9b-0d3e-4c55-9b1a-2f6d3c4e5f60"), "RuntimeError: trace <uuid>"),
        (
            RuntimeError("<Sock object at 0x7f3a2c> of deadbeef01"),
            "RuntimeError: <Sock object at <hex>> of <hex>",
        ),
        (RuntimeError("mail to a.b+c@example.com"), "RuntimeError: mail to <email>"),
        (RuntimeError("two\n  lines"), "RuntimeError: two lines"),
        (CatchResponseError("no total in the answer"), "no total in the answer"),
        (AssertionError(), "AssertionError"),
        ("timed out after 5 s", "timed out after <n> s"),
        ("", "error"),
        (http_error(503), "HTTPError 503 Service Unavailable"),
        (http_error(599), "HTTPError 599"),
        (BadStatusCode("http://h/orders/817", code=429), "HTTPError 429 Too Many Requests"),
    ],
)
def test_what_varies_becomes_a_placeholder(error, label):
    assert fingerprint(error) == label


def test_the_same_kind_of_failure_has_one_label_whatever_its_ids():
    labels = {
        fingerprint(ValueError(f"user {number} of {number * 7:#x} at 'n{number}'")) for number in range(500)
    }
    assert labels == {"ValueError: user <n> of <hex> at <text>"}


def test_a_label_is_cut_to_eighty_characters():
    label = fingerprint(ValueError("word " * 1000))
    assert len(label) == MAX_LENGTH
    assert label.startswith("ValueError: word word") and label.endswith("…")
