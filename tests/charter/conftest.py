"""Large documents make millions of objects beside those of thousands of tests.

With its own thresholds the garbage collector takes a third of the time to look at them again.
"""

import gc

gc.set_threshold(100_000, 20, 20)
