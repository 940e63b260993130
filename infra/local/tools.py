"""The pinned tools in .venv, and the lock that keeps two runs out of one folder."""

from __future__ import annotations

import fcntl
import hashlib
import shlex
import subprocess
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Failure(Exception):
    """Something that the user has to know, in words for the user."""


def say(text: str) -> None:
    print(f"local cloud: {text}", file=sys.stderr, flush=True)


def setup() -> None:
    """Installs the pinned tools into .venv, unless exactly these are there already."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = VENV / "requirements.sha256"
    with lock(ROOT / "target" / "venv.lock", wait=True):
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError as error:
            raise Failure(
                f"{sys.executable} has no venv module; install it (Debian, Ubuntu: apt-get install python3-venv)"
            ) from error
        say(f"installing the tools into {VENV} (1 GB; about a minute, plus the download) ...")
        pip = str(VENV / "bin" / "pip")
        steps = [
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            # Every package is pinned, so pip has nothing to resolve; see requirements.in for awscrt.
            [pip, "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)],
        ]
        for step in steps:
            if subprocess.run(step).returncode != 0:
                raise Failure(f"could not install the tools; this failed: {shlex.join(step)}")
        stamp.write_text(wanted)
        say("tools installed")


def lock(path: Path, wait: bool) -> IO[str]:
    """Locks `path` until the returned file is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise Failure(
            f"another one is running in {path.parent}; stop it, or give this one its own folder with --dir"
        ) from error
    return file
