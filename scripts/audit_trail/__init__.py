"""The audit in the commands: what they write into it, and what the command ``audit`` does."""
