"""Every error a user can meet, as one tree.

    AiraError                     a rule was broken; carries a stable code and an exit code
    ├── InputError                what was given is wrong                           exit 1
    │   └── ArchitectureError     an architecture text or value breaks the language  exit 1
    ├── UsageError                the command line is wrong or the thing is not there exit 2
    └── RunError                  the machine or a service let a run down            exit 3

Each message says which rule, which value, where, and (in `help`) what to do. Our own mistakes are
plain Python exceptions and asserts; they are not part of this tree.

Codes are in errors.toml, each with its rule; their families are `error_codes.FAMILIES`.
"""


class AiraError(Exception):
    """A rule was broken by something outside this package.

    Attributes:
        code: stable identifier such as `E0203`; listed in docs/codes.md.
        message: one sentence with the rule and the offending value.
        help: what to do about it, or None.
    """

    exit_code = 3

    def __init__(self, code: str, message: str, *, help: str | None = None) -> None:
        super().__init__(code, message)  # what pickle makes an equal error from
        self.code = code
        self.message = message
        self.help = help

    def __str__(self) -> str:
        tail = f"\n  help: {self.help}" if self.help else ""
        return f"error[{self.code}]: {self.message}{tail}"


class InputError(AiraError):
    """What was given is wrong."""

    exit_code = 1


class UsageError(AiraError):
    """The command line is wrong, or the thing asked for is not available."""

    exit_code = 2


class RunError(AiraError):
    """The machine or a service let a run down."""

    exit_code = 3
