"""Puts the chosen load profile into effect in Locust: user classes and their mix, load shape, web UI.

A constant profile leaves Locust's plain mode on (users can be edited while it runs); a staged one becomes a load
shape. In the web UI the profile of the next run is chosen from a list; numbers that the user changes in the form
win over the profile's, numbers left as they were follow the profile.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from scenarios.shapes import ClimbShape, Leader, climbing, staged
from swarmscope.edge.locust_options import profile_defaults
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.targets import Profile, System
from swarmscope.targets.nearest import suggestion

logger = logging.getLogger(__name__)

_FORM_FIELDS = {"num_users": "user_count", "spawn_rate": "spawn_rate", "run_time": "run_time"}


class ProfileChoice:
    """The load profile of the next run."""

    def __init__(self, system: System, profile: Profile, environment: Any) -> None:
        self._system = system
        self._environment = environment
        self._all_classes: Sequence[Any] = list(environment.user_classes)
        check_user_classes(system, environment.available_user_classes or ())
        self._by_hand = bool(getattr(environment.parsed_options, "user_classes", None))
        self.profile = profile

    def apply(self, profile: Profile) -> None:
        """Make this profile the next run's: its user classes with their weights, its shape."""
        environment = self._environment
        self.profile = profile
        if profile.user_classes and not self._by_hand:
            chosen = [cls for cls in self._all_classes if cls.__name__ in profile.user_classes]
            for cls in chosen:
                cls.weight = profile.user_classes[cls.__name__]
            environment.user_classes = chosen
        if profile.is_staged:
            self._use(staged(profile)())
        elif profile.climb is not None:
            self._use(climbing(profile)())
        else:
            environment.shape_class = None

    def lead(self, leader: Leader | None) -> None:
        """Let the climb of the run that starts say how many users it wants."""
        if isinstance(self._environment.shape_class, ClimbShape):
            self._environment.shape_class.leader = leader

    def _use(self, shape: Any) -> None:
        shape.runner = self._environment.runner
        self._environment.shape_class = shape

    def stage_phase(self) -> str:
        """The phase name of the stage that the run is in; "" when it has none."""
        shape = self._environment.shape_class
        return str(shape.stage_phase()) if hasattr(shape, "stage_phase") else ""

    def follow_web_ui(self, web_ui: Any) -> None:
        """Take the profile chosen in the web UI's start form before Locust reads the form."""
        from flask import request  # noqa: PLC0415  # Flask comes with Locust's web UI, which headless runs never load

        def before_start() -> None:
            runner = self._environment.runner
            if (
                request.method != "POST"
                or not request.path.endswith("/swarm")
                or runner.state in ("spawning", "running")
            ):
                return
            chosen = self._system.profiles.get(request.form.get("load_profile", ""))
            if chosen is None or chosen == self.profile:
                return
            # Werkzeug keeps the parsed form in the request's __dict__: replace the numbers left at their defaults.
            request.__dict__["form"] = _follow(
                request.form, profile_defaults(self.profile), profile_defaults(chosen)
            )
            self._environment.stop_timeout = profile_defaults(chosen)["stop_timeout"]
            self.apply(chosen)
            logger.info("load profile %s chosen in the web UI", chosen.name)

        web_ui.app.before_request(before_start)


def check_user_classes(system: System, available: Collection[str]) -> None:
    """Raise ConfigurationError for every user class that a profile names and users.py does not define."""
    problems = [
        Problem(
            system.source,
            f"profiles.{profile.name}.user_classes.{name}",
            f'no user class "{name}" in scenarios/{system.name}/users.py',
            suggestion(name, available, "user classes"),
        )
        for profile in system.profiles.values()
        for name in profile.user_classes
        if name not in available
    ]
    if problems:
        raise ConfigurationError(problems)


def _follow(form: Any, before: dict[str, Any], after: dict[str, Any]) -> Any:
    """The form with every number that still equals the old profile's replaced by the new profile's."""
    followed = form.copy()
    for option, field in _FORM_FIELDS.items():
        untouched = str(form.get(field, "")) in ("", str(before.get(option, "")), _plain(before.get(option)))
        if untouched and option in after:
            followed[field] = _plain(after[option])
    return followed


def _plain(value: Any) -> str:
    """A number as the web UI's form writes it: no `.0`."""
    return "" if value is None else f"{value:g}"
