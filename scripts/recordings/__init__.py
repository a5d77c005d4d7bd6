"""Recordings on this machine: finding, reading and compressing many files, each of which may fail by itself."""
