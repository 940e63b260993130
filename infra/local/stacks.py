#!/usr/bin/env python3
"""Two stacks side by side in the local cloud, one of which goes and comes back:

    python3 infra/local/cloud.py run -- .venv/bin/python infra/local/stacks.py

The functions are empty files, since nothing runs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("fleet-a", "fleet-b")
PARAMETERS = ("LocalCloud=true",)


def main() -> None:
    directory = Path(os.environ["JITR_LOCAL_DIR"]) / "stacks"
    template = with_empty_functions(directory)
    for stack in STACKS:
        deploy(stack, template)
    certificate = leave_something_behind(STACKS[0])
    run("sam", "delete", "--stack-name", STACKS[0], "--no-prompts")
    check("the other stack stays", status(STACKS[1]) == "CREATE_COMPLETE")
    check("a certificate keeps its policy", policies(certificate) == [f"{STACKS[0]}-device"])

    run(sys.executable, str(ROOT / "infra/restore.py"), "--stack-name", STACKS[0], "--parameter", "LocalCloud=true")
    deploy(STACKS[0], template)
    check("the stack is whole again", status(STACKS[0]) == "UPDATE_COMPLETE")
    check("its rows are there", rows(STACKS[0]) == ["profile"])
    check("its messages are there", messages(STACKS[0]) == ["waits"])
    check("a certificate keeps its policy", policies(certificate) == [f"{STACKS[0]}-device"])


def check(what: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"stacks: error: not so: {what}")
    print(f"stacks: {what}", flush=True)


def run(*command: str) -> None:
    log = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if log.returncode != 0:
        sys.exit(f"{log.stdout}\nstacks: error: this failed: {' '.join(command)}")
    print(f"stacks: done: {' '.join(command)}", flush=True)


def with_empty_functions(directory: Path) -> Path:
    """The template with code that takes no time to build."""
    code = directory / "code"
    code.mkdir(parents=True, exist_ok=True)
    (code / "bootstrap").write_text("#!/bin/sh\n")
    template = directory / "template.yaml"
    template.write_text(re.sub("CodeUri: .*", f"CodeUri: {code}", (ROOT / "template.yaml").read_text()))
    return template


def deploy(stack: str, template: Path) -> None:
    run("sam", "deploy", "--config-file", str(ROOT / "samconfig.toml"), "--template-file", str(template),
        "--stack-name", stack, "--no-progressbar", "--parameter-overrides", *PARAMETERS)


def leave_something_behind(stack: str) -> str:
    """A row, a message, and a device's certificate with the stack's policy, whose ARN is the answer."""
    row = {"caCertificateId": {"S": "ca"}, "record": {"S": "profile"}}
    boto3.client("dynamodb").put_item(TableName=f"{stack}-authorities", Item=row)
    boto3.client("sqs").send_message(QueueUrl=queue(stack), MessageBody="waits")
    iot = boto3.client("iot")
    certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_policy(policyName=f"{stack}-device", target=certificate)
    return certificate


def status(stack: str) -> str:
    return boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]


def policies(certificate: str) -> list[str]:
    attached = boto3.client("iot").list_attached_policies(target=certificate)["policies"]
    return [policy["policyName"] for policy in attached]


def rows(stack: str) -> list[str]:
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=f"{stack}-authorities")["Items"]
    return [item["record"]["S"] for item in items]


def queue(stack: str) -> str:
    return boto3.client("sqs").get_queue_url(QueueName=f"{stack}-failed-registrations")["QueueUrl"]


def messages(stack: str) -> list[str]:
    received = boto3.client("sqs").receive_message(QueueUrl=queue(stack), VisibilityTimeout=0)
    return [message["Body"] for message in received.get("Messages", [])]


if __name__ == "__main__":
    main()
