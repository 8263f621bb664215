"""Every label that has a meaning, as data: one module for each theme. `label_registry` puts them together."""
