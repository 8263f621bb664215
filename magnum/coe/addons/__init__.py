"""Add-ons: what is run in a cluster of Kubernetes beside its owner's work, as data. See docs/addons.md.

Here, beside the client that applies them, and not with the drivers: what a cluster needs does not depend on whose
machines it is made of.
"""
