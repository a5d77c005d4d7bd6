"""Policies for operators: read, drafted, sent, awaited in the workers, and tried on recordings."""
