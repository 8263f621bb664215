"""Kubernetes on whatever its nodes run on; no driver of its own."""
