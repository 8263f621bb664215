"""What a machine is given to become a node of Kubernetes: typed values in, the text of files and units out.

Everything that depends on the version of Kubernetes is decided here, before a machine exists, by one table
(`versions`). The steps of the node program only make keys, put units to work and wait for them.
"""
