"""Finds functions and tables by their tags, now and then. I/O."""

from __future__ import annotations

from typing import Any

from exporters.cloudwatch_pull.calls import AwsCalls, CallFailed
from swarmscope.aws.resources import RESOURCE_TYPES, Resources, named_resources, tagged_resources
from swarmscope.aws.settings import AwsSettings

OPERATION = "GetResources"
AGAIN_SECONDS = 300.0
SOONER_SECONDS = 30.0
"""After a call that failed."""
MOST_PAGES = 50


class Discovery:
    """What is watched: named by the settings, and found by tag."""

    def __init__(self, settings: AwsSettings, calls: AwsCalls) -> None:
        self._settings, self._calls = settings, calls
        self._named = named_resources(settings)
        self._found = Resources()
        self._next = 0.0

    @property
    def resources(self) -> Resources:
        """As known now."""
        return self._named | self._found

    def look(self, now: float, *, anew: bool = False) -> bool:
        """Ask when it is time to, or at once when `anew`; False when that failed, and what was known stays."""
        if not self._settings.tags or (now < self._next and not anew):
            return True
        try:
            arns = self._arns()
        except CallFailed:
            self._next = now + SOONER_SECONDS
            return False
        self._found = tagged_resources(arns)
        self._next = now + AGAIN_SECONDS
        return True

    def _arns(self) -> list[str]:
        request: dict[str, Any] = {
            "TagFilters": [
                {"Key": key, "Values": [value]} for key, value in sorted(self._settings.tags.items())
            ],
            "ResourceTypeFilters": list(RESOURCE_TYPES),
        }
        arns: list[str] = []
        for _ in range(MOST_PAGES):
            page = self._page(request)
            arns += [found["ResourceARN"] for found in page["ResourceTagMappingList"]]
            if not page.get("PaginationToken"):
                break
            request["PaginationToken"] = page["PaginationToken"]
        return arns

    def _page(self, request: dict[str, Any]) -> Any:
        return self._calls.call(
            "resourcegroupstaggingapi", OPERATION, lambda client: client.get_resources(**request)
        )
