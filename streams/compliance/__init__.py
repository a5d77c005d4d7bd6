"""The audit, and what proves that it is whole."""
