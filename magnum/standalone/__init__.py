"""What a service of one process on one machine needs besides: a state directory, web servers, listeners for nodes.

Nothing of a cluster is decided here, and nothing here is used where API and conductors are processes of their own.
"""
