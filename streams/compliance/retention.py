"""When a call expires by its hotel's policy. Pure."""

from schemas import Policy

#: The date of a key that does not expire.
NEVER = 0
_DAY_MS = 24 * 3600 * 1000


def expiry_of(policy: Policy, began_ms: int) -> int:
    """From when on a call cannot be opened, in milliseconds since the epoch; `NEVER` without a date.

    A legal hold suspends retention. So does a policy that cannot be read, which is taken for a legal hold.

    Args:
        policy: The hotel's policy.
        began_ms: When the call's key was made, in milliseconds since the epoch.
    """
    if policy.legal_hold or policy.retention_days is None:
        return NEVER
    return began_ms + policy.retention_days * _DAY_MS


def revised_expiry(policy: Policy, began_ms: int, expires_ms: int) -> int:
    """The date of a key that was made under an earlier policy: a hold takes it away, its end brings it back.

    A shorter or longer retention does not change the date that a call has; one without a date gets one.

    Args:
        policy: The hotel's policy now.
        began_ms: When the key was made.
        expires_ms: Its date.
    """
    if policy.legal_hold:
        return NEVER
    return expires_ms or expiry_of(policy, began_ms)
