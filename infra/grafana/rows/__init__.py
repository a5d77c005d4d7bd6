"""The dashboard's rows: each module has one, as ``TITLE`` and ``panels()``."""
