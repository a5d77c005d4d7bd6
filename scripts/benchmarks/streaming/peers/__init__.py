"""What the worker is compared with: each a process that takes audio from one topic and puts files on another."""
