"""Configuration: the options of `magnum.conf`, and the typed settings that are read from them once.

Each section is one frozen struct, in a module of the section's name. A field says all about its option: name, type,
default and, in its `Option`, what an operator needs to know. The options of oslo.config are made from it
(`options.py`).
Nothing outside this package asks oslo.config for one of our options, and no module reads a global: `Settings` is
built by a command and handed down.
"""
