"""Clusters as stacks of Heat: what all drivers on Heat share."""
