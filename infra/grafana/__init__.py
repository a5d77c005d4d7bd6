"""The dashboard: generated from code, read back by tests and pictures, provisioned into Grafana."""
