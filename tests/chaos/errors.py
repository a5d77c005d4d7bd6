"""Errors of the bench itself."""


class ChaosError(Exception):
    """The bench itself cannot continue; the message says why."""
