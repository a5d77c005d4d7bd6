"""Admission to the cache by channel."""

from schemas import Channel, Policy
from schemas.policy import UNNAMED


def admits(channel: Channel | None, policy: Policy, *, seals: bool = False) -> bool:
    """Whether audio of a channel may be cached.

    By default only prompts may, which are the hotel's own recordings. Channels that may have the voice of a guest or an
    agent (``guest``, ``agent``, ``mixed``, unnamed) are cached only if the hotel's policy names them. Where results are
    sealed they are not cached at all: the cache is not sealed.

    Args:
        channel: The channel; None for an unnamed one.
        policy: The hotel's policy.
        seals: Whether the hotel's results are sealed.
    """
    if seals and channel != "prompt":
        return False
    return (channel or UNNAMED) in policy.cache_channels
