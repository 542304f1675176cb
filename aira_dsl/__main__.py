"""`python -m aira_dsl` and the script `aira-dsl`: the command line.

Signals are handled before anything is imported, so that Ctrl-C never shows a traceback.
"""

import os
import signal


def main() -> None:
    """Run the command line and exit with its code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))  # nothing to clean up yet
    from aira_dsl.cli import main as run

    run()


if __name__ == "__main__":
    main()
