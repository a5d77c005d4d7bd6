"""The decoder sandbox: files are parsed in confined child processes, which may crash without harm to the worker."""

from streams.sandbox.pool import DecoderSandbox, SandboxError

__all__ = ["DecoderSandbox", "SandboxError"]
