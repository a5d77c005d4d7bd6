"""Bugs that are patched into workers, to show that the oracle detects them; the product has none of them."""
