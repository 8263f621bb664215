"""Kubernetes on servers of a cloud, made by Heat; what the drivers of several systems share."""
