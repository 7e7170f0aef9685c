"""The mock server: every operation of a document answers before its code is written."""
