"""The published description of the API, made of its routes, its promises and its types."""
