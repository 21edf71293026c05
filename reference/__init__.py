"""Reference services: one small, real implementation of each system's API, so that the stack runs by itself.

Shared parts lie here (service, faults, server_metrics, database); each system is a package of its own. None of
these is the user's service, and each says so of itself.
"""
