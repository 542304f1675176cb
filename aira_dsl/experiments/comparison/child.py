"""One search of a comparison: the command line in a process that ends when its parent does.

The parent holds the other end of this process's standard input. When that closes, because the
parent was interrupted or killed, the search is interrupted, and can be continued.
"""

import os
import runpy
import signal
import threading


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("aira_dsl", run_name="__main__")  # not imported: the command line is above us
