"""Chooses how to compress a clip, and compresses it. Pure, so that results can be cached by samples and plan."""

from streams.compression.compress import encode, is_smaller, kept_reason, smallest
from streams.compression.load import NO_PRESSURE, LoadGovernor, Pressure
from streams.compression.plan import Decision, Plan, choose
from streams.compression.policy import DEFAULT_POLICY, AssumedPolicy, Policy, assumed, parse_policy

__all__ = [
    "DEFAULT_POLICY",
    "NO_PRESSURE",
    "AssumedPolicy",
    "Decision",
    "LoadGovernor",
    "Plan",
    "Policy",
    "Pressure",
    "assumed",
    "choose",
    "encode",
    "is_smaller",
    "kept_reason",
    "parse_policy",
    "smallest",
]
