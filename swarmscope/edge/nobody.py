"""Makes a process of ours ask the AWS stand-in as nobody: what could mean a real account is forgotten. I/O.

The stand-in takes any credentials, so those of a user have no business there; and a program that has only these can
ask nobody else by mistake.
"""

from __future__ import annotations

from collections.abc import MutableMapping

KEY = "testing"
REGION = "us-east-1"
_MEANS_A_REAL_ACCOUNT = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_ENDPOINT_URL"),
    *("AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL_STS"),
)


def become_nobody(environ: MutableMapping[str, str]) -> None:
    """Change a process' environment, before boto3 looks at it."""
    for name in _MEANS_A_REAL_ACCOUNT:
        environ.pop(name, None)
    environ.update(
        {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            # A proxy of the environment has no part in what happens here.
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
    )
