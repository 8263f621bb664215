"""Clients of a cluster's own API. What they read was written by machines that belong to the cluster's owner."""
