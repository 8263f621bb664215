"""A control plane of OpenStack on loopback, for developers and tests of Magnum: docs/lab.md."""
