"""Admission to the cache by channel."""

from schemas import Channel, Policy
from schemas.policy import UNNAMED


def admits(channel: Channel | None, policy: Policy) -> bool:
    """Whether audio of a channel may be cached.

    By default only prompts may, which are the hotel's own recordings. Channels that may have the voice of a guest or an
    agent (``guest``, ``agent``, ``mixed``, unnamed) are cached only if the hotel's policy names them.
    """
    return (channel or UNNAMED) in policy.cache_channels
