"""What a person can cause and repair: one sentence that names the thing and the remedy.

`charter.cli` prints it, without a traceback, and exits with its code:

    Refusal                   1
      DocumentError           1   the document is at fault, at a place
      PostgresError           1
      DatabaseUnreachable     1
      MigrationError          1
      FuzzError, TrialError   1
      Misconfigured           2   a mistake in the arguments or the settings
        NoDocument            2   no document can be read where one is named
"""


class Refusal(Exception):
    """Something can't be done as asked."""

    exit_code = 1

    @property
    def whole(self) -> str:
        """The sentence, and below it those of other faults of the same thing, if there are any."""
        return str(self)


class Misconfigured(Refusal):
    """The arguments or the settings can't be worked with."""

    exit_code = 2
