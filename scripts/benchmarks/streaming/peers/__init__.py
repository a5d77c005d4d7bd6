"""Systems to compare the worker with: processes that read audio from one topic and write files to another."""
