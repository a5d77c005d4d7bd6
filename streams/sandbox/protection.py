"""What the kernel denies a decoder process, beyond limits of resources."""

from enum import Flag


class Protection(Flag):
    """Protections that need a newer kernel, or one that offers them; the limits of resources apply everywhere.

    Attributes:
        FILES: Landlock denies all files (Linux 5.13).
        NETWORK: Landlock denies TCP (Linux 6.7).
        SIGNALS: Landlock denies signals and abstract sockets to outside processes (Linux 6.12).
        SYSTEM_CALLS: seccomp ends the process at a system call that decoding does not need.
    """

    FILES = 1
    NETWORK = 2
    SIGNALS = 4
    SYSTEM_CALLS = 8

    @property
    def by_kind(self) -> dict[str, bool]:
        """Whether each one is in force, by its name in the log and the metric."""
        return {str(one.name).lower(): one in self for one in Protection}
