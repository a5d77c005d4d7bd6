"""A genuine Prometheus and Alertmanager on this machine, and their configuration."""
