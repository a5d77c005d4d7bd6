"""Search of raw devices and directories for what an erasure must not leave behind."""
