"""What can go wrong in a deployment. Every message is for the operator."""


class DeploymentError(Exception):
    """The deployment cannot begin. Nothing was changed; the message is one line and says what to change."""


class LockedError(DeploymentError):
    """Another deployment of the same system is under way: wait for its end."""


class UnfinishedError(Exception):
    """The target cannot be reached any more, in the midst of a deployment: run the same command again."""


class StepError(Exception):
    """A step failed: the version before is put back. The message is one line.

    Args:
        reason: What is wrong.
        log: Last lines of whatever failed.
    """

    def __init__(self, reason: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log
