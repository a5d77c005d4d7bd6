"""Why the bench itself may fail."""


class ChaosError(Exception):
    """The bench itself cannot go on. The message says why."""
