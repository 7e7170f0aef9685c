"""Where the pages of the documentation are; what logs requests knows it without serving them."""

OVERVIEW = "/docs/overview"
POLLED = frozenset({"/openapi.json", "/openapi.yaml", OVERVIEW})
"""What pages that are live ask for every second, by HEAD."""
