"""Drivers: the plug-ins that turn a cluster's rows into machines. The contract is in docs/driver-contract.md."""
