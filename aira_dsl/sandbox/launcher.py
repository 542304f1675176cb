"""The program that starts in a sandbox before the foreign one, as `python -I -S launcher.py FD`.

It reads its orders from the control socket FD, restricts itself, reports that it is ready, and
becomes the foreign program. With bubblewrap that is all: process 1 of the sandbox is bubblewrap's.
Without, it forks first, and the parent stays as the reaper: processes without a parent become its
children, and when the program has ended, or the other end of the control socket is closed, it
kills them all.

Start-up time is paid for every candidate, so this imports neither the package nor anything of the
standard library that is not built in or small: `marshal` instead of `json`, `_socket`, `_signal`.
"""

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations
import _socket
import marshal
import os
import resource
import select
import sys

TYPE_CHECKING = False  # as in `typing`, which takes a third of the start-up time to import
if TYPE_CHECKING:
    import ctypes
    from typing import Any

MAX_MESSAGE = 1 << 17  # bytes of one message on the control socket

# prctl(2)
_SET_PDEATHSIG, _SET_KEEPCAPS, _SET_SECCOMP, _SET_CHILD_SUBREAPER = 1, 8, 22, 36
_SET_NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_RAISE, _SECCOMP_FILTER = 38, 47, 2, 2
# landlock(7)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _PATH_BENEATH = 444, 445, 446, 1
_RIGHTS_OF_FILES = 1 | 2 | 4 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl
# capabilities(7)
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 2


def main() -> None:
    """Restrict this process and become the foreign program."""
    control = _socket.socket(fileno=int(sys.argv[1]))
    orders = marshal.loads(control.recv(MAX_MESSAGE))
    if orders["reap"]:
        _become_reaper(control)
    try:
        for name, value in orders["limits"]:
            _, hard = resource.getrlimit(name)
            lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (lowest, lowest))
        if orders["landlock"] or orders["seccomp"] or orders["user"] is not None:
            _restrict(orders)
        os.chdir(orders["folder"])
        _close_all_but(orders["descriptors"])
        for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ):  # Python ignores them; others do not
            _signal.signal(ignored, _signal.SIG_DFL)
        _report_ready(control, orders["measured"])
        os.execvpe(orders["argv"][0], orders["argv"], orders["environment"])
    except (OSError, ValueError) as error:
        control.send(f"cannot start {orders['argv'][0]}: {error}".encode())
        os._exit(127)


def _report_ready(control: _socket.socket, folders: list[str]) -> None:
    """Send `ready`, in bubblewrap with descriptors: folders to be measured, and process 1."""
    opened = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders]
    if folders:
        opened.append(os.pidfd_open(1))
    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in opened)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if opened else []
    control.sendmsg([b"ready"], ancillary)
    for number in opened:
        os.close(number)


def _close_all_but(descriptors: list[int]) -> None:
    """Have every other descriptor closed by `exec`; the control socket is needed until then."""
    kept = {0, 1, 2, *descriptors}
    for name in os.listdir("/proc/self/fd"):
        if int(name) in kept:
            os.set_inheritable(int(name), True)
        elif os.path.exists(f"/proc/self/fd/{name}"):
            os.set_inheritable(int(name), False)


# Without bubblewrap: the reaper


class _Ended(BaseException):
    """Ends the wait of the reaper, with the status of the program if that has ended.

    Raised once. The end of the supervisor is noticed twice, by the closed connection and by a
    signal: the second must not interrupt what follows the first.
    """

    raised = False

    def __init__(self, status: int | None = None) -> None:
        self.status = status


def _become_reaper(control: _socket.socket) -> None:
    """Fork; return in the child. The parent ends with the child, and with all that it started."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if not (child := os.fork()):
        return
    _close_all(except_for=control.fileno())
    status = None
    try:
        _signal.signal(_signal.SIGCHLD, lambda *_: _reap(child))
        _signal.signal(_signal.SIGTERM, _stop)
        libc.prctl(_SET_PDEATHSIG, int(_signal.SIGTERM), 0, 0, 0)
        _reap(child)  # it may have ended before the handler was there
        _wait_for_the_end_of(control)
        _stop()
    except _Ended as ended:
        status = ended.status
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
    while kill_below(os.getpid()):
        _reap(0)
    code = 1 if status is None else os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _close_all(*, except_for: int) -> None:
    """Close what the program inherits: the readers of its output wait for the end of it."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != except_for and os.path.exists(f"/proc/self/fd/{name}"):
            os.close(int(name))


def _wait_for_the_end_of(control: _socket.socket) -> None:
    """Return when the other end is closed; signals end the wait by an exception.

    It wakes up five times a second, for a signal that arrives just before the wait begins.
    """
    poll = select.poll()
    poll.register(control.fileno(), select.POLLIN)
    while not poll.poll(200):
        pass


def _stop(*_: object) -> None:
    _end(None)


def _end(status: int | None) -> None:
    if not _Ended.raised:
        _Ended.raised = True
        raise _Ended(status)


def _reap(child: int) -> None:
    """Collect processes that have ended, so that they do not count; raise when the program has."""
    while True:
        try:
            number, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if number == 0:
            return
        if number == child:
            _end(status)


def kill_below(parent: int) -> bool:
    """Kill the processes that descend from a process; return whether there were any.

    They are stopped first, so that those that fork do not win the race. Repeat until there is none.
    """
    below = descendants(parent)
    for sign in (_signal.SIGSTOP, _signal.SIGKILL):
        for number in below:
            try:  # noqa: SIM105 (`contextlib` takes a quarter of the start-up time to import)
                os.kill(number, sign)
            except ProcessLookupError:
                pass  # it has ended meanwhile
    return bool(below)


def descendants(parent: int) -> list[int]:
    """Return the processes that descend from a process; of processes that end meanwhile, some."""
    found, pending = [], [parent]
    while pending:
        folder = f"/proc/{pending.pop()}/task"
        try:
            for thread in os.listdir(folder):
                with open(f"{folder}/{thread}/children", "rb") as file:
                    children = [int(number) for number in file.read().split()]
                found += children
                pending += children
        except OSError:
            continue
    return found


# What bubblewrap does not do: another user, Landlock, seccomp


def _restrict(orders: "dict[str, Any]") -> None:
    """Give up rights for good: files by Landlock, the user, system calls by seccomp."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    checked(libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    landlock = orders["landlock"]
    ruleset = checked(_landlock_ruleset(libc, **landlock)) if landlock else None
    if orders["user"] is not None:
        _become_user(libc, orders["user"])
    if ruleset is not None:
        checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
        os.close(ruleset)
    checked(libc.prctl(_SET_PDEATHSIG, 9, 0, 0, 0))  # after the change of user, which clears it
    if code := orders["seccomp"]:
        buffer = ctypes.create_string_buffer(code, len(code))
        filter_ = _words(8, len(code) // 8, ctypes.addressof(buffer))  # struct sock_fprog
        checked(libc.prctl(_SET_SECCOMP, _SECCOMP_FILTER, filter_, 0, 0))


def _landlock_ruleset(
    libc: "ctypes.CDLL", files: int, network: int, scope: int, rules: "list[tuple[str, int]]"
) -> int:
    """Return a descriptor of the rules, or -1; paths that do not exist are left out.

    Args:
        libc: for system calls.
        files: rights to files that are taken away, but for the rules.
        network: rights to the network that are taken away.
        scope: what ends at the border of the sandbox: signals, abstract sockets.
        rules: paths, and the rights that are kept below them.
    """
    ruleset: int = libc.syscall(_CREATE_RULESET, _words(8, files, network, scope), 24, 0)
    for path, rights in rules if ruleset >= 0 else ():
        try:
            number = os.open(path, os.O_PATH)
        except FileNotFoundError:
            continue
        possible = files if os.path.isdir(path) else files & _RIGHTS_OF_FILES
        rule = _words(8, rights & possible) + _words(4, number)  # packed: 12 bytes
        if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) < 0:
            return -1
        os.close(number)
    return ruleset


def _become_user(libc: "ctypes.CDLL", user: int) -> None:
    """Change from root to a user of no other process, with no capability but one.

    RLIMIT_NPROC holds for this user, and not for root. Folders that only root may enter can lead to
    this Python or to the files to be read, so that the right to read past permissions is kept: what
    can be read is decided by the mounts or by Landlock. Where a container lacks this capability,
    the permissions hold too.
    """
    libc.prctl(_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    header, only = _words(4, _CAPABILITY_VERSION_3, 0), 1 << _CAP_DAC_READ_SEARCH
    if libc.capset(header, _words(4, only, only, only, 0, 0, 0)) < 0:
        libc.capset(header, _words(4, *[0] * 6))
    libc.prctl(_CAP_AMBIENT, _AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)


def _words(size: int, *values: int) -> bytes:
    return b"".join(value.to_bytes(size, sys.byteorder) for value in values)


if __name__ == "__main__":
    main()
