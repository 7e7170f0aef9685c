"""What a person can cause and repair: one sentence, no traceback."""


class Refusal(Exception):
    """Something can't be done as asked. The message names the thing and the remedy."""

    exit_code = 1


class Misconfigured(Refusal):
    """The settings or the arguments can't be worked with."""

    exit_code = 2
