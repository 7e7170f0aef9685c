"""What operators run; `impl/__main__.py` is its command line."""


class Refused(Exception):
    """It can't be done as asked; the message says why, and what helps."""
