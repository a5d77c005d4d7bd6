"""Bugs that workers are given on purpose, to see that the bench notices; none of this is in the product."""
