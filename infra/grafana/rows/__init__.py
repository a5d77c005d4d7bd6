"""The dashboard's rows: one module each, with ``TITLE`` and ``panels()``."""
