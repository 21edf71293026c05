"""What the stand-in answers when it does not do what was asked: AWS' error codes, as each protocol spells them.

Modelled codes of CloudWatch have two names: the one of its query protocol, which clients see in every protocol, and
the one of the shape.
"""

from __future__ import annotations


class AwsError(Exception):
    """An error answer; `code` is what boto3's ClientError carries."""

    def __init__(self, code: str, message: str, status: int = 400, shape: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
        self.shape = shape or code
        """Its name in JSON, where it differs from the code."""

    @property
    def is_senders(self) -> bool:
        """Whether the caller is to blame."""
        return self.status < 500


class Dropped(Exception):
    """The connection is to be cut without an answer."""


def invalid_value(message: str) -> AwsError:
    """CloudWatch: a parameter has a value that it cannot have."""
    return AwsError("InvalidParameterValue", message, shape="InvalidParameterValueException")


def invalid_combination(message: str) -> AwsError:
    """CloudWatch: parameters that exclude each other, or ask for too much together."""
    return AwsError("InvalidParameterCombination", message, shape="InvalidParameterCombinationException")


def missing(message: str) -> AwsError:
    """CloudWatch: a parameter is missing."""
    return AwsError("MissingParameter", message, shape="MissingRequiredParameterException")


def validation(message: str) -> AwsError:
    """A request that the API's front door turns away."""
    return AwsError("ValidationError", message)


def not_supported(what: str) -> AwsError:
    """AWS can do this, the stand-in cannot, and does not pretend to."""
    return AwsError(
        "NotSupportedByStandIn", f"Swarmscope's stand-in for AWS does not support {what}.", status=501
    )
