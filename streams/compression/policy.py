"""The default policy, and the assumed policy of a hotel whose policy cannot be read."""

from dataclasses import dataclass, fields

from schemas.policy import Policy, parse_policy

__all__ = ["DEFAULT_POLICY", "AssumedPolicy", "Policy", "assumed", "parse_policy"]

#: For hotels without a policy: every level and format, level 3 unless there is a reason for another.
DEFAULT_POLICY = Policy(version=0)


@dataclass(frozen=True, slots=True)
class AssumedPolicy(Policy):
    """Used while a hotel's policy cannot be read: it might be a legal hold, so nothing may be lost."""


def assumed(last_known: Policy) -> AssumedPolicy:
    """Make the policy that applies while the hotel's own cannot be read: lossless, in the formats accepted before.

    Args:
        last_known: The policy that was last in force.
    """
    values = {field.name: getattr(last_known, field.name) for field in fields(last_known)}
    return AssumedPolicy(**values | {"legal_hold": True})
