"""Fits the models that the product loads: predicted quality, and music against speech."""
