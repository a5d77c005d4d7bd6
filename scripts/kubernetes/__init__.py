"""The manifests of infra/k8s that are generated, and kubectl."""
