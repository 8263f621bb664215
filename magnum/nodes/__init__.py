"""What runs on a machine of a cluster, and how it gets there.

`program/` is the node program: bash, curl and openssl only, because images for containers may have nothing else. The
Python around it says what a node is told (`data`), which files it needs (`files`) and how they are packed.
"""
