"""The tagging API: which resources there are, found by their tags.

Resources are those that reference services have reported, and those that a test has put.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from reference.aws.cloudwatch import Hits
from reference.aws.errors import AwsError, not_supported
from reference.aws.protocols import Call, invalid_parameter
from reference.aws.reports import Batch
from reference.aws.settings import ACCOUNT, StandInSettings

MOST_PER_PAGE = 100
DEFAULT_PER_PAGE = 50


class Tagging:
    """The resources of the stand-in's account, by ARN."""

    def __init__(self, settings: StandInSettings) -> None:
        self._region = settings.region
        self._tags: dict[str, dict[str, str]] = {}

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {"GetResources": self._get}

    def put(self, arn: str, tags: Mapping[str, str]) -> None:
        """Make a resource exist, with these tags and no others."""
        self._tags[arn] = dict(tags)

    def forget(self, arn: str) -> None:
        """A resource is gone."""
        self._tags.pop(arn, None)

    def note(self, batch: Batch) -> None:
        """Make what a reference service reports exist, tagged with its system and stage."""
        tags = {"system": batch.system, "environment": batch.stage}
        rest_api = f"arn:aws:apigateway:{self._region}::/restapis/{_rest_api_id(batch.api)}"
        arns = {rest_api, f"{rest_api}/stages/{batch.stage}"}
        home = f"{self._region}:{ACCOUNT}"
        arns |= {
            f"arn:aws:lambda:{home}:function:{name}" for name in {row.function for row in batch.invocations}
        }
        arns |= {f"arn:aws:dynamodb:{home}:table/{name}" for name in {row.table for row in batch.operations}}
        for arn in arns - self._tags.keys():
            self.put(arn, tags)

    def _get(self, call: Call, _: Hits) -> dict[str, Any]:
        asked = call.parameters
        known = {"PaginationToken", "TagFilters", "ResourcesPerPage", "ResourceTypeFilters"}
        if unknown := set(asked) - known:
            raise not_supported(f"{', '.join(sorted(unknown))} in GetResources")
        size = asked.get("ResourcesPerPage", DEFAULT_PER_PAGE)
        if not 1 <= size <= MOST_PER_PAGE:
            raise invalid_parameter(f"ResourcesPerPage must be from 1 to {MOST_PER_PAGE}, got {size}.")
        kinds = asked.get("ResourceTypeFilters", [])
        after = asked.get("PaginationToken", "")
        if after and after not in self._tags:
            raise AwsError(
                "PaginationTokenExpiredException", "The PaginationToken is not one of this account's."
            )
        found = sorted(
            arn
            for arn, tags in self._tags.items()
            if arn > after
            and (not kinds or any(_is_of(arn, kind) for kind in kinds))
            and all(_fits(tags, wanted) for wanted in asked.get("TagFilters", []))
        )
        page = found[:size]
        return {
            "PaginationToken": page[-1] if len(found) > size else "",
            "ResourceTagMappingList": [
                {
                    "ResourceARN": arn,
                    "Tags": [{"Key": key, "Value": value} for key, value in sorted(self._tags[arn].items())],
                }
                for arn in page
            ],
        }


def _rest_api_id(name: str) -> str:
    """Ten characters that do not tell the name, as API Gateway's do not."""
    return hashlib.sha256(name.encode()).hexdigest()[:10]


def _is_of(arn: str, kind: str) -> bool:
    """Whether a resource is of a type such as `lambda` or `lambda:function`."""
    service, _, rest = kind.partition(":")
    _, _, of_service, _, _, resource = arn.split(":", 5)
    of_kind = resource.lstrip("/").replace("/", ":").split(":", 1)[0]
    return service == of_service and rest in ("", of_kind)


def _fits(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    key, values = wanted.get("Key", ""), wanted.get("Values", [])
    return key in tags and (not values or tags[key] in values)
