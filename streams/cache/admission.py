"""Who may be cached."""

from schemas import Channel


def admits(channel: Channel | None) -> bool:
    """Whether audio of a channel may be kept beyond its own result.

    Only prompts: the hotel's own recordings. What a guest or an agent says, or a mix or an unnamed channel that may
    hold either, is never kept.
    """
    return channel == "prompt"
