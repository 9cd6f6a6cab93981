"""Imported first by the program, so that it starts in half the time.

The providers' SDKs make some hundred thousand objects while they load, of which none is ever garbage.
Collections that look for it take a third of the start; the one at exit takes a second more. A program that
ends when its stack is deployed does without: memory grows by 2 %.
"""

import atexit
import functools
import gc

gc.disable()
# What is frozen is not looked at when the interpreter ends.
atexit.register(gc.freeze)


@functools.cache
def keep_what_is_loaded() -> None:
    """Let no later collection look at what the imports have made; called once they are done.

    Only the first call in a process does it. Where the program runs again, as in the tests, a second would
    keep what the run before left, its tasks among them, and each event loop that closes looks at all tasks.
    """
    gc.freeze()
