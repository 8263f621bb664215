"""What the service promises, per resource: rules, quotas, inheritance, the order of checks. No HTTP, no SQL."""
