"""The decoder sandbox: files are parsed in confined child processes, which may crash without harm to the worker."""

from streams.sandbox.pool import DecoderSandbox, SandboxError
from streams.sandbox.protection import Protection

__all__ = ["DecoderSandbox", "Protection", "SandboxError", "protections"]


def protections() -> dict[str, bool]:
    """How this machine's kernel confines decoders, as the metric `audio_sandbox_protection` says it; takes a second.

    Raises:
        SandboxError: If no decoder can be started.
    """
    with DecoderSandbox(0) as sandbox:
        return sandbox.in_force.by_kind
