"""Documents that nobody here chose: what Charter makes of a random sample of a large collection."""
