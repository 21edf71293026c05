import uuid
from typing import Any

import pytest

HOME = "us-east-1:123456789012"


@pytest.fixture
def tagging(aws: Any) -> Any:
    return aws.client("resourcegroupstaggingapi")


def found(tagging: Any, **asked: Any) -> list[str]:
    pages = tagging.get_paginator("get_resources").paginate(**asked)
    return [
        each["ResourceARN"].rpartition(":")[2] for page in pages for each in page["ResourceTagMappingList"]
    ]


def test_resources_are_found_by_tags_and_kind(aws: Any, tagging: Any) -> None:
    team = uuid.uuid4().hex
    aws.put_resources({
        f"arn:aws:lambda:{HOME}:function:f1": {"team": team, "stage": "dev"},
        f"arn:aws:lambda:{HOME}:function:f2": {"team": team, "stage": "sit"},
        f"arn:aws:dynamodb:{HOME}:table/t1": {"team": team, "stage": "dev"},
        f"arn:aws:lambda:{HOME}:function:other": {"team": "x"},
    })  # fmt: skip
    ours = {"Key": "team", "Values": [team]}
    assert found(tagging, TagFilters=[ours]) == ["table/t1", "f1", "f2"]
    assert found(tagging, TagFilters=[ours, {"Key": "stage", "Values": ["sit", "prod"]}]) == ["f2"]
    assert found(tagging, TagFilters=[ours, {"Key": "cost"}]) == []
    for kind, arns in (("lambda", ["f1", "f2"]), ("lambda:function", ["f1", "f2"]), ("dynamodb:table", ["table/t1"]),
                       ("dynamodb:stream", [])):  # fmt: skip
        assert found(tagging, TagFilters=[ours], ResourceTypeFilters=[kind]) == arns


def test_all_pages_are_everything(aws: Any, tagging: Any) -> None:
    team = uuid.uuid4().hex
    aws.put_resources(
        {f"arn:aws:lambda:{HOME}:function:{team}{number}": {"team": team} for number in range(5)}
    )
    ours = [{"Key": "team", "Values": [team]}]
    assert len(found(tagging, TagFilters=ours, ResourcesPerPage=2)) == 5
    assert tagging.get_resources(TagFilters=ours, ResourcesPerPage=2)["PaginationToken"] != ""
    assert tagging.get_resources(TagFilters=ours)["PaginationToken"] == ""


def test_what_is_not_supported_and_what_is_wrong_are_refused(tagging: Any, refused: Any) -> None:
    assert refused(tagging.get_resources, ResourceARNList=["arn:aws:x:::"])[0] == "NotSupportedByStandIn"
    assert refused(tagging.get_resources, ResourcesPerPage=101)[0] == "InvalidParameterException"
    assert refused(tagging.get_resources, PaginationToken="x")[0] == "PaginationTokenExpiredException"
