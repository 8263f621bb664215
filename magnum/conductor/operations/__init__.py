"""What each kind of operation does: one module per kind, each with its `Recipe`."""
