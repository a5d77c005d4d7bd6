"""Who may be cached."""

from schemas import Channel, Policy
from schemas.policy import UNNAMED


def admits(channel: Channel | None, policy: Policy) -> bool:
    """Whether audio of a channel may be kept beyond its own result.

    Only prompts, the hotel's own recordings, unless its policy says otherwise. What a guest or an agent says, or a mix
    or an unnamed channel that may hold either, is never kept of its own accord.
    """
    return (channel or UNNAMED) in policy.cache_channels
