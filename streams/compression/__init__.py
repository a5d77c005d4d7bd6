"""Chooses how to compress a clip, and compresses it. Pure, so that results can be cached by samples and plan."""

from streams.compression.compress import INPUT_KEPT, encode, is_smaller, smallest
from streams.compression.load import NO_PRESSURE, LoadGovernor, Pressure
from streams.compression.plan import Decision, Plan, choose
from streams.compression.policy import DEFAULT_POLICY, AssumedPolicy, Policy, assumed, parse_policy

__all__ = [
    "DEFAULT_POLICY",
    "INPUT_KEPT",
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
    "parse_policy",
    "smallest",
]
