"""Errors about the topics of a cluster."""


class TopicError(Exception):
    """The cluster's topics are not as required. The message is one line and says what to change."""


class TopicMissingError(TopicError):
    """A topic does not exist: run ``./scripts/topics apply``."""


class TopicHiddenError(TopicError):
    """The account may not see a topic, which may exist: grant it the right to."""


class TopicMismatchError(TopicError):
    """A topic differs from ``schemas/topics.yaml``: change one of them."""
