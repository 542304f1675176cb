"""`python -m aira_dsl` and the script `aira-dsl`: the command line.

Signals are handled before anything is imported, so that Ctrl-C never shows a traceback.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))  # nothing to clean up yet
    try:
        from aira_dsl.cli import main as run

        run()
    except Exception as error:
        if sys.argv[1:2] != ["doctor"]:
            raise
        _diagnose_without_command_line(error)
        sys.exit(1)


def _diagnose_without_command_line(error: Exception) -> None:
    """Print what `doctor` finds where typer, pydantic or rich is broken."""
    from aira_dsl.doctor.diagnosis import diagnose
    from aira_dsl.report.terminal.doctor import doctor_json_text, doctor_lines

    print(f"the command line cannot start: {type(error).__name__}: {error}", file=sys.stderr)
    findings = diagnose()
    print(doctor_json_text(findings) if "json" in " ".join(sys.argv) else doctor_lines(findings))


if __name__ == "__main__":
    main()
