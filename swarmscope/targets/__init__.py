"""What a system must achieve and the load under which it is judged: model, parser, JSON Schema."""

from swarmscope.targets.model import (
    ALL_REQUESTS,
    Alerting,
    Climb,
    Environment,
    Kind,
    Moment,
    Need,
    Priority,
    Profile,
    Stage,
    System,
    Target,
)

__all__ = [
    "ALL_REQUESTS",
    "Alerting",
    "Climb",
    "Environment",
    "Kind",
    "Moment",
    "Need",
    "Priority",
    "Profile",
    "Stage",
    "System",
    "Target",
]
