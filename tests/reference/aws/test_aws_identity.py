from datetime import UTC, datetime
from typing import Any

import pytest


def test_every_caller_is_of_one_account(aws: Any) -> None:
    found = aws.client("sts").get_caller_identity()
    assert (found["Account"], found["Arn"]) == ("123456789012", "arn:aws:sts::123456789012:user/moto")


@pytest.mark.parametrize("account", ["123456789012", "210987654321"])
def test_a_role_of_any_account_can_be_assumed_and_used(aws: Any, account: str) -> None:
    role = f"arn:aws:iam::{account}:role/load-test"
    assumed = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="run")
    keys = assumed["Credentials"]
    client = aws.client(
        "sts",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert client.get_caller_identity()["Arn"] == (f"arn:aws:sts::{account}:assumed-role/load-test/run")
    left = (keys["Expiration"] - datetime.now(UTC)).total_seconds()
    assert 3500 < left <= 3600


def test_what_is_no_role_is_refused(aws: Any, refused: Any) -> None:
    role = "arn:aws:iam::123456789012:user/load-test"
    assert refused(aws.client("sts").assume_role, RoleArn=role, RoleSessionName="run") == (
        "ValidationError", f"{role} is invalid",
    )  # fmt: skip


def test_identities_are_refused_when_commanded(aws: Any, refused: Any) -> None:
    aws.put_faults([{"api": "*", "kind": "refuse_credentials"}])
    try:
        assert refused(aws.client("sts").get_caller_identity) == (
            "InvalidClientTokenId", "The security token included in the request is invalid.",
        )  # fmt: skip
    finally:
        aws.put_faults([])


@pytest.mark.parametrize("operation", ["get_session_token", "get_federation_token"])
def test_other_operations_are_refused(aws: Any, refused: Any, operation: str) -> None:
    options = {"Name": "ann"} if operation == "get_federation_token" else {}
    assert refused(getattr(aws.client("sts"), operation), **options)[0] == "NotSupportedByStandIn"
