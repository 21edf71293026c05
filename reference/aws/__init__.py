"""A stand-in for the AWS APIs that Swarmscope calls: CloudWatch, CloudWatch Logs, tagging and STS. It is not AWS.

It answers as AWS does, limits and error codes included, or refuses loudly; it never answers falsely. Identities are
moto's; metrics and logs are kept here, because moto's CloudWatch cannot be trusted (see docs/aws-stand-in.md).

    protocols  HTTP request → operation and parameters; result or error → HTTP response
    edge       what surrounds each call: credentials, faults, counting
    cloudwatch, alarms, logs, insights, tagging, identity   one API each, on
    metric_store, metric_limits, metric_queries, log_store, log_patterns   which are pure
    invocations, lambda_lines   what the reference services did → metrics and log lines
"""
