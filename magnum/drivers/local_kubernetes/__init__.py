"""Kubernetes on machines of this host."""
