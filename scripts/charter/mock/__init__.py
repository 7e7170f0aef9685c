"""The mock server: every operation of a document answers before anybody has written it."""
