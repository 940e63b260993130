"""Processes that end with everything that they started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Mapping

from tools import Failure

STOP_SECONDS = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(Exception):
    """A signal asked this program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def raise_on_signals() -> None:
    """Turns the first signal into `Stopped`; later ones are ignored, so that they can't cut the cleaning-up short."""

    def stop(number: int, _frame: object) -> None:
        ignore_signals()
        raise Stopped(number)

    for number in SIGNALS:
        signal.signal(number, stop)


def ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def start(command: list[str], environment: Mapping[str, str], **options: object) -> subprocess.Popen[bytes]:
    """Starts `command` as the leader of a process group of its own."""
    try:
        return subprocess.Popen(
            command, env=environment, start_new_session=True, preexec_fn=end_with_parent, **options
        )  # type: ignore[call-overload]
    except OSError as error:
        raise Failure(f"can't run {command[0]}: {error.strerror}") from error


def end_with_parent() -> None:
    """Runs in the new process: the kernel ends it when this program is killed without a chance to do so (Linux)."""
    if LIBC is not None:
        pr_set_pdeathsig = 1
        LIBC.prctl(pr_set_pdeathsig, signal.SIGTERM)


def run(command: list[str], environment: Mapping[str, str]) -> int:
    """Runs `command` to its end, and returns the code that a shell would."""
    process = start(command, environment)
    try:
        code = process.wait()
    finally:
        end(process)
    return code if code >= 0 else 128 - code


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group of `process`: asks first, and insists after STOP_SECONDS."""
    deadline = time.monotonic() + STOP_SECONDS
    try:
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()  # a zombie would count as a member of the group
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers for a group of zombies: not permitted
        pass
    process.wait()
