"""A child of this process that does something and ends, whatever happens in it."""

import os
import sys
import traceback
from collections.abc import Callable


def forked(work: Callable[[], bool]) -> bool:
    """Whether `work` was done in a child, and was fine; what it raised is on standard error."""
    if (child := os.fork()) == 0:
        status = 1
        try:
            status = 0 if work() else 1
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
