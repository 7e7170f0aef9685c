"""`python -m dev.bench`: CPU time per request, beside an app that does nothing it need not.

Single figures of a shared machine mean nothing; what counts is the ratio of two apps in one run.
"""

from dev.bench.driver import run

__all__ = ["run"]
