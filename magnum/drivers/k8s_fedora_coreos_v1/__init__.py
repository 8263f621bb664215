"""Kubernetes on servers of a cloud that run Fedora CoreOS."""
