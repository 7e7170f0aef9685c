"""Marks what the API deprecates: type checkers and editors show it, and Python at a call."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import deprecated as deprecated
elif sys.version_info >= (3, 13):
    from warnings import deprecated
else:
    import functools
    import warnings

    def deprecated(message):
        """What `warnings.deprecated` is from Python 3.13 on, for functions."""

        def mark(function):
            @functools.wraps(function)
            def marked(*arguments, **keywords):
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                return function(*arguments, **keywords)

            marked.__deprecated__ = message
            return marked

        return mark
