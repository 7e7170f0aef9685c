"""The work of `charter dev`: takes up every save, and says what became of it, until Ctrl-C."""
