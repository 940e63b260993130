#!/usr/bin/env python3
"""Runs a command, or stays, with AWS emulated on this machine by MiniStack.

    cloud.py setup                                          install the tools into .venv
    cloud.py run [--port N] [--mqtt-port N] -- COMMAND...   start the cloud, run COMMAND in it, stop it
    cloud.py up [--port N] [--mqtt-port N] [-- COMMAND...]  start the cloud, run COMMAND in it, stay until Ctrl-C
"""

from __future__ import annotations

import argparse
import errno
import http.client
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import process
from tools import ROOT, VENV, Failure, lock, say, setup

STATE = ROOT / "target" / "local-cloud"
START_SECONDS = 60
HOST = "127.0.0.1"


def main() -> int:
    if sys.version_info < (3, 10):
        raise Failure(f"Python 3.10 or newer is needed, and this is {sys.version.split()[0]}")
    arguments = parse_arguments()
    setup()
    if arguments.action == "setup":
        return 0
    directory: Path = arguments.dir.resolve()
    with lock(directory / "lock", wait=False):
        cloud = Cloud(directory, arguments.port, arguments.mqtt_port)
        return serve(cloud, arguments.command, stay=arguments.action == "up")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        usage="cloud.py [-h] {setup,run,up} [options] [-- COMMAND...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["setup", "run", "up"])
    parser.add_argument("--port", type=port_number, help="AWS endpoint (run: a free port, up: 4566)")
    parser.add_argument("--mqtt-port", type=port_number, help="MQTT over mutual TLS (run: a free port, up: 8883)")
    parser.add_argument("--dir", type=Path, help="folder for its files (target/local-cloud/run or .../up)")
    # Taken off by hand: argparse would look into COMMAND for options and for further "--".
    own = sys.argv[1:]
    command: list[str] = []
    if "--" in own:
        at = own.index("--")
        own, command = own[:at], own[at + 1 :]
    arguments = parser.parse_args(own)
    arguments.command = command
    if arguments.action == "run" and not command:
        parser.error("run needs a command: cloud.py run -- COMMAND...")
    if arguments.action == "up":
        arguments.port = arguments.port or 4566
        arguments.mqtt_port = arguments.mqtt_port or 8883
    arguments.dir = arguments.dir or STATE / arguments.action
    return arguments


def port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def serve(cloud: Cloud, command: list[str], stay: bool) -> int:
    try:
        cloud.start()
        code = process.run(command, own_environment() | cloud.variables()) if command else 0
        if stay and code == 0:
            cloud.wait()
            code = 1
        return code
    finally:
        process.ignore_signals()
        cloud.stop()


def own_environment() -> dict[str, str]:
    """The environment of this process without what could lead to the user's own AWS account."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_") or k.startswith("AWS_LC_")}


def reserve(port: int | None, host: str) -> socket.socket:
    """Binds `port`, or any free port, so that it is nobody else's until the socket is closed."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((host, port or 0))
    except OSError as error:
        holder.close()
        reason = "is taken; stop what uses it, or" if error.errno == errno.EADDRINUSE else f"{error.strerror}:"
        raise Failure(f"port {port} {reason} choose another port") from error
    return holder


class Cloud:
    """MiniStack and the Lambda processes that it starts, with all their files below `directory`."""

    def __init__(self, directory: Path, port: int | None, mqtt_port: int | None) -> None:
        # MiniStack binds the MQTT port on every address, whatever BIND_HOST says.
        with reserve(port, HOST) as http_holder, reserve(mqtt_port, "0.0.0.0") as mqtt_holder:
            self.port: int = http_holder.getsockname()[1]
            self.mqtt_port: int = mqtt_holder.getsockname()[1]
        self.directory = directory
        self.scratch = directory / "tmp"
        self.log = directory / "ministack.log"
        self.server_ca = directory / "root-ca.pem"
        self.environment_file = directory / "env"
        self.ministack: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        say(f"starting, AWS endpoint on port {self.port}, MQTT on port {self.mqtt_port} ...")
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        with self.log.open("wb") as log:
            self.ministack = process.start(
                [str(VENV / "bin" / "ministack")],
                self._ministack_environment(),
                cwd=self.scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.ministack.poll() is not None:
                raise Failure(f"MiniStack ended with code {self.ministack.returncode}; {self._log_tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"MiniStack was not ready within {START_SECONDS} s; {self._log_tail()}")
            time.sleep(0.1)
        self.server_ca.write_bytes(self._get("/_ministack/iot/ca.pem"))

    def wait(self) -> None:
        """Tells how to use the cloud, and returns only if it ends by itself."""
        assert self.ministack is not None
        exports = self._exports()
        self.environment_file.write_text(exports)
        print(exports, end="", flush=True)
        say(f"ready; in another terminal: source {self.environment_file}; Ctrl-C stops it")
        self.ministack.wait()

    def stop(self) -> None:
        if self.ministack is not None:
            ended_early = self.ministack.poll() is not None
            process.end(self.ministack)
            say(f"MiniStack had ended by itself; {self._log_tail()}" if ended_early else "stopped")
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.server_ca.unlink(missing_ok=True)
        self.environment_file.unlink(missing_ok=True)

    def variables(self) -> dict[str, str]:
        """What a program needs to use this cloud, and nothing but this cloud."""
        return {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            # The user's own profiles and roles must never be reached from here.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "JITR_LOCAL_DIR": str(self.directory),
            "JITR_MQTT_ENDPOINT": f"localhost:{self.mqtt_port}",
            "JITR_SERVER_CA": str(self.server_ca),
            "NO_PROXY": f"{HOST},localhost",
            # Where both are set, most programs prefer this one.
            "no_proxy": f"{HOST},localhost",
            "PATH": os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)]),
        }

    def _exports(self) -> str:
        """The same for a shell, which keeps its own PATH behind the tools'."""
        variables = self.variables() | {"PATH": str(VENV / "bin")}
        # Whatever is set: an endpoint of one service would lead to a real account.
        lines = ["unset $(env | sed -n '/^AWS_LC_/d; s/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')"]
        for name, value in variables.items():
            lines.append(f"export {name}={shlex.quote(value)}" + (':"$PATH"' if name == "PATH" else ""))
        return "\n".join(lines) + "\n"

    def _ministack_environment(self) -> dict[str, str]:
        """All of it, so that no setting of the user changes what the cloud does. The functions inherit it."""
        return self.variables() | {
            "AUTH": "true",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_PORT": str(self.mqtt_port),
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            # MiniStack removes containers that look like its own; it has no business with the user's Docker.
            "DOCKER_HOST": f"unix://{self.scratch / 'no-docker.sock'}",
        }

    def _is_ready(self) -> bool:
        try:
            self._get("/_ministack/health")
            socket.create_connection((HOST, self.mqtt_port), timeout=5).close()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise OSError(f"{path}: HTTP status {response.status}")
        return body

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return "\n  ".join([f"the end of {self.log}:", *lines])


if __name__ == "__main__":
    process.raise_on_signals()
    try:
        sys.exit(main())
    except Failure as failure:
        say(f"error: {failure}")
        sys.exit(1)
    except process.Stopped as stopped:
        sys.exit(128 + stopped.number)
