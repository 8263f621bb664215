"""Kubernetes on servers of a cloud that run Debian or Ubuntu."""
