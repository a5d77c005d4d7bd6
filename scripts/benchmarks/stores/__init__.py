"""Measures the object stores: what the pool adds to an operation, and what a failover loses."""
