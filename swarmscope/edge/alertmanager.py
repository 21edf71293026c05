"""Reads who is to be told from the environment, and writes Alertmanager's configuration for them. I/O.

`python -m swarmscope.edge.alertmanager --output alertmanager.yml` does both, for a container's entry point.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from swarmscope.alerting.alertmanager_config import alertmanager_config
from swarmscope.alerting.receivers import Email, PagerDuty, Receivers, Slack, Sns, Webhook
from swarmscope.edge.stack.components import ALERTMANAGER, require
from swarmscope.errors import ConfigurationError, Problem, SwarmscopeError

SOURCE = "environment"

URL_FILE_SINCE = (0, 26)
"""The first Alertmanager that reads a webhook's URL from a file."""


def read_receivers(environ: Mapping[str, str]) -> Receivers:
    """The receivers that the environment names; raises ConfigurationError with everything that is wrong."""
    reader = _Reader(environ)
    receivers = Receivers(
        webhook=reader.webhook(),
        slack=reader.slack(),
        email=reader.email(),
        pagerduty=reader.pagerduty(),
        sns=reader.sns(),
    )
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return receivers


def write_alertmanager_config(
    path: Path, receivers: Receivers, *, receiver_url: str, template_glob: str, version: tuple[int, ...]
) -> None:
    """Write alertmanager.yml for this Alertmanager, readable by its owner only: it may hold a webhook's URL."""
    templates = Path(template_glob).absolute()
    if not any(templates.parent.glob(templates.name)):
        # Alertmanager would start without a word and fail at the first alert.
        raise ConfigurationError([Problem(template_glob, "", "there are no message templates")])
    text = alertmanager_config(
        receivers,
        receiver_url=receiver_url,
        template_glob=str(templates),
        inline_webhook_url=version < URL_FILE_SINCE,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A new file in the old one's place: the old one's permissions would stay otherwise.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    partial.replace(path)


class _Reader:
    """Reads one kind of receiver after the other and collects what is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def webhook(self) -> Webhook | None:
        url_file, url = self._secret("WEBHOOK_URL_FILE")
        token_file, _ = self._secret("WEBHOOK_TOKEN_FILE")
        if token_file and not url_file:
            self._missing("WEBHOOK_URL_FILE", "WEBHOOK_TOKEN_FILE")
        if url:
            self._check_url("WEBHOOK_URL_FILE", url, "the file must hold an http or https address")
        return Webhook(url_file, url, token_file) if url_file else None

    def slack(self) -> Slack | None:
        url_file, url = self._secret("SLACK_API_URL_FILE")
        channel = self._value("SLACK_CHANNEL")
        if not self._together("SLACK_API_URL_FILE", "SLACK_CHANNEL"):
            return None
        if url:
            self._check_url("SLACK_API_URL_FILE", url, "the file must hold the incoming webhook's address")
        return Slack(url_file, channel)

    def email(self) -> Email | None:
        smarthost, username = self._value("SMTP_SMARTHOST"), self._value("SMTP_AUTH_USERNAME")
        password_file, _ = self._secret("SMTP_AUTH_PASSWORD_FILE", exact=True)
        require_tls = self._yes_or_no("SMTP_REQUIRE_TLS", default=True)
        if not self._together("SMTP_SMARTHOST", "SMTP_FROM", "SMTP_TO"):
            for name in ("SMTP_AUTH_USERNAME", "SMTP_AUTH_PASSWORD_FILE"):
                if self._value(name) and not (
                    smarthost or self._value("SMTP_FROM") or self._value("SMTP_TO")
                ):
                    self._missing("SMTP_SMARTHOST", name)
            return None
        self._together("SMTP_AUTH_USERNAME", "SMTP_AUTH_PASSWORD_FILE")
        if smarthost and not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):\d{1,5}", smarthost):
            self._problem("SMTP_SMARTHOST", f'expected host:port, got "{smarthost}"', "smtp.example.org:587")
        return Email(
            smarthost=smarthost,
            sender=self._value("SMTP_FROM"),
            to=self._value("SMTP_TO"),
            auth_username=username,
            auth_password_file=password_file,
            require_tls=require_tls,
        )

    def pagerduty(self) -> PagerDuty | None:
        key_file, _ = self._secret("PAGERDUTY_ROUTING_KEY_FILE")
        url = self._value("PAGERDUTY_URL")
        if url and not key_file and not self._value("PAGERDUTY_ROUTING_KEY_FILE"):
            self._missing("PAGERDUTY_ROUTING_KEY_FILE", "PAGERDUTY_URL")
        if url:
            self._check_url("PAGERDUTY_URL", url, "https://events.eu.pagerduty.com/v2/enqueue", shown=True)
        return PagerDuty(key_file, url) if key_file else None

    def sns(self) -> Sns | None:
        arn, region, url = self._value("SNS_TOPIC_ARN"), self._value("SNS_REGION"), self._value("SNS_API_URL")
        if not arn:
            for name in ("SNS_REGION", "SNS_API_URL"):
                if self._value(name):
                    self._missing("SNS_TOPIC_ARN", name)
            return None
        found = re.fullmatch(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]+(\.fifo)?", arn)
        if found is None:
            self._problem(
                "SNS_TOPIC_ARN",
                f'expected the ARN of a topic, got "{arn}"',
                "arn:aws:sns:eu-west-1:123456789012:load-tests",
            )
            return None
        if url:
            self._check_url("SNS_API_URL", url, "an endpoint of your own, such as a VPC's", shown=True)
        # A topic lives in the region that its ARN names: SNS_REGION is for those who like to say it twice.
        if region and region != found[1]:
            self._problem("SNS_REGION", f'is "{region}", but the topic is in "{found[1]}"', "leave it out")
        return Sns(arn, found[1], url)

    def _value(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def _secret(self, name: str, *, exact: bool = False) -> tuple[str, str]:
        """The absolute path of the file that `name` names, and what it holds; ("", "") where it does not.

        `exact` is for a file that Alertmanager 0.25 takes as it is: it sends a mail password's newline along.
        """
        written = self._value(name)
        if not written:
            return "", ""
        path = Path(written).expanduser().absolute()
        try:
            written_content = path.read_text(encoding="utf-8")
            content = written_content.strip()
        except FileNotFoundError:
            # What does not look like a path may be the secret itself: it is not repeated.
            looks_like_a_path = "/" in written and "://" not in written
            self._problem(
                name,
                f"there is no file {written}" if looks_like_a_path else "names no file that is here",
                "the variable names a file that holds the secret, not the secret",
            )
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            self._problem(name, f"cannot read {written}: {reason}")
        else:
            if not content:
                self._problem(name, f"{written} is empty")
            elif exact and written_content.endswith("\n"):
                self._problem(
                    name,
                    f"{written} ends with a newline, which would be sent as part of the password",
                    f'printf %s "$PASSWORD" > {written}',
                )
            else:
                return str(path), content
        return "", ""

    def _together(self, *names: str) -> bool:
        """Whether all are set; some set and some not is a problem for each that is missing."""
        given = [name for name in names if self._value(name)]
        for name in names if given else ():
            if name not in given:
                self._missing(name, given[0])
        return len(given) == len(names)

    def _yes_or_no(self, name: str, *, default: bool) -> bool:
        written = self._value(name).lower()
        if written not in ("", "true", "false"):
            self._problem(name, f'expected true or false, got "{self._value(name)}"')
        return default if written == "" else written == "true"

    def _check_url(self, name: str, url: str, hint: str, *, shown: bool = False) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or len(url.split()) != 1:
            # What a secret file holds is never shown, even when it is wrong.
            self._problem(name, f'expected an address, got "{url}"' if shown else "holds no address", hint)

    def _missing(self, name: str, because: str) -> None:
        self._problem(name, f"is missing, while {because} is set")

    def _problem(self, name: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(SOURCE, name, message, hint))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write alertmanager.yml for the receivers in the environment; the exit code is errors.ExitCode's."""
    parser = argparse.ArgumentParser(prog="python -m swarmscope.edge.alertmanager", description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--receiver-url", default="http://127.0.0.1:9095", help="where the local receiver is")
    parser.add_argument("--templates", default="alerts/templates/*.tmpl", help="message templates, as a glob")
    parser.add_argument(
        "--alertmanager", default="prometheus-alertmanager", help="the program, for its version"
    )
    parser.add_argument(
        "--alertmanager-version",
        type=_version,
        help="0.28.1, where the program is not on this machine",
    )
    options = parser.parse_args(arguments)
    try:
        receivers = read_receivers(os.environ)
        version = options.alertmanager_version or require((ALERTMANAGER,))[ALERTMANAGER.title].version
        write_alertmanager_config(
            options.output,
            receivers,
            receiver_url=options.receiver_url,
            template_glob=options.templates,
            version=version,
        )
    except SwarmscopeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _version(written: str) -> tuple[int, ...]:
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", written)
    if found is None:
        raise argparse.ArgumentTypeError(f'expected a version such as 0.28.1, got "{written}"')
    return tuple(int(number or 0) for number in found.groups())


if __name__ == "__main__":
    sys.exit(main())
