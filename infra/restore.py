#!/usr/bin/env python3
"""Takes what a deleted stack left behind into a new stack of the same name, before `sam deploy` brings the rest.

    .venv/bin/python infra/restore.py [--stack-name NAME] [--resource LogicalId=identifier]... [--parameter Name=value]...

Deleting the stack leaves its tables, queues, logs, bucket and device policy, whose names a new stack could not take. This
creates the stack with these resources alone, by an import of CloudFormation. Region and credentials come from where the AWS
CLI takes them. With --dry-run it tells what it would import, and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
# A name of a function has 64 characters, of which the longest function takes 19.
MAX_STACK_NAME_LENGTH = 45
# The property that names a resource in the template, and the one by which CloudFormation imports it ("Resource type
# support" in the AWS CloudFormation user guide).
NAMES = {
    "AWS::DynamoDB::Table": ("TableName", "TableName"),
    "AWS::IoT::Policy": ("PolicyName", "Id"),
    "AWS::Logs::LogGroup": ("LogGroupName", "LogGroupName"),
    "AWS::S3::Bucket": ("BucketName", "BucketName"),
    "AWS::SQS::Queue": ("QueueName", "QueueUrl"),
}
RETAINING = ("Retain", "RetainExceptOnCreate")


class Failure(Exception):
    """Something that the operator has to know, in words for the operator."""


def main() -> None:
    arguments = parse_arguments()
    try:
        import boto3
        from samcli.yamlhelper import yaml_parse
    except ImportError as error:
        raise Failure(f"{error}: install the tools with `python3 infra/local/cloud.py setup`") from error
    template = yaml_parse(TEMPLATE.read_text())
    parameters = dict(arguments.parameter)
    session = boto3.Session()
    found = find(retained(template), parameters, arguments.stack_name, dict(arguments.resource), session)
    if not found:
        raise Failure(f"nothing that a stack {arguments.stack_name} left behind was found: deploy it as a new one")
    reduced = reduce(template, set(found))
    for name, identifier in found.items():
        print(f"{name:24} {next(iter(identifier.values()))}")
    for name in sorted(set(retained(template)) - set(found)):
        print(f"{name:24} not found; sam deploy makes a new one")
    if not arguments.dry_run:
        import_stack(session.client("cloudformation"), arguments.stack_name, reduced, found, parameters)
        print(f"imported; now deploy the rest: sam build && sam deploy --stack-name {arguments.stack_name}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack-name", default="iot-jitr", type=stack_name)
    parser.add_argument("--resource", action="append", default=[], type=assignment, metavar="LogicalId=identifier",
                        help="a resource that can't be found by its name, such as one of several buckets")
    parser.add_argument("--parameter", action="append", default=[], type=assignment, metavar="Name=value",
                        help="a parameter of the template, as in the deployment that follows")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be imported")
    return parser.parse_args()


def stack_name(text: str) -> str:
    if not re.fullmatch("[A-Za-z][A-Za-z0-9-]*", text) or len(text) > MAX_STACK_NAME_LENGTH:
        raise argparse.ArgumentTypeError(f"{text} is no name of at most {MAX_STACK_NAME_LENGTH} letters, digits, hyphens")
    return text


def assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text} is not Name=value")
    return name, value


def retained(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the deletion of a stack leaves behind."""
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource.get("DeletionPolicy") in RETAINING}


def reduce(template: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    """The template with these resources alone, and with the parameters and conditions that they need.

    A property that refers to a resource which is not there is left out; the deployment that follows sets it.
    """
    resources = {}
    for name in kept:
        resource = dict(template["Resources"][name])
        missing = (set(template["Resources"]) - kept).intersection
        properties = resource.get("Properties", {}).items()
        resource["Properties"] = {key: value for key, value in properties if not missing(references(value))}
        resources[name] = resource
    conditions = {name: template["Conditions"][name] for name in conditions_of(resources)}
    used = set(references(resources)) | set(references(conditions))
    parameters = {name: value for name, value in template["Parameters"].items() if name in used}
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": template["Description"],
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": resources,
    }


def references(value: Any) -> Iterator[str]:
    """The names of parameters and resources that a value refers to."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, argument in value.items():
            if key == "Ref":
                yield argument
            elif key == "Fn::GetAtt":
                yield argument[0]
            elif key == "Fn::Sub" and isinstance(argument, str):
                yield from re.findall(r"\$\{([A-Za-z0-9:]+)", argument)
            else:
                yield from references(argument)


def conditions_of(value: Any) -> Iterator[str]:
    """The names of conditions that a value depends on."""
    if isinstance(value, list):
        for item in value:
            yield from conditions_of(item)
    elif isinstance(value, dict):
        for key, argument in value.items():
            if key == "Fn::If":
                yield argument[0]
            if key == "Condition" and isinstance(argument, str):
                yield argument
            yield from conditions_of(argument)


def find(
    resources: dict[str, dict[str, Any]],
    parameters: dict[str, str],
    stack: str,
    given: dict[str, str],
    session: Any,
) -> dict[str, dict[str, str]]:
    """The identifiers of the resources that are there, by their logical names."""
    unknown = sorted(set(given) - set(resources))
    if unknown:
        raise Failure(f"no resource that outlasts its stack is called {', '.join(unknown)}")
    found = {}
    for name, resource in resources.items():
        kind = resource["Type"]
        name_property, identifier = NAMES[kind]
        fixed = fixed_name(resource["Properties"].get(name_property), parameters, stack)
        if name in given:
            value: str | None = given[name]
        elif fixed is not None:
            value = LOOK_UPS[kind](session, fixed)
        elif kind == "AWS::S3::Bucket":
            value = tagged_bucket(session, stack, name)
        else:
            raise Failure(f"{name} has a name that CloudFormation made up; name it with --resource {name}=...")
        if value is not None:
            found[name] = {identifier: value}
    return found


def fixed_name(value: Any, parameters: dict[str, str], stack: str) -> str | None:
    """The name that the template gives to a resource of this stack, if it gives any."""
    match value:
        case {"Fn::If": ["OnAws", on_aws, on_the_emulator]}:
            local = parameters.get("LocalCloud") == "true"
            return fixed_name(on_the_emulator if local else on_aws, parameters, stack)
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::StackName}", stack)
        case _:
            return None


def table(session: Any, name: str) -> str | None:
    client = session.client("dynamodb")
    return there(name, client.exceptions.ResourceNotFoundException, lambda: client.describe_table(TableName=name))


def policy(session: Any, name: str) -> str | None:
    client = session.client("iot")
    return there(name, client.exceptions.ResourceNotFoundException, lambda: client.get_policy(policyName=name))


def log_group(session: Any, name: str) -> str | None:
    pages = session.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    groups = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return name if name in groups else None


def queue(session: Any, name: str) -> str | None:
    client = session.client("sqs")
    try:
        return client.get_queue_url(QueueName=name)["QueueUrl"]
    except client.exceptions.QueueDoesNotExist:
        return None


def bucket(session: Any, name: str) -> str | None:
    names = [found["Name"] for found in session.client("s3").list_buckets()["Buckets"]]
    return name if name in names else None


LOOK_UPS: dict[str, Callable[[Any, str], str | None]] = {
    "AWS::DynamoDB::Table": table,
    "AWS::IoT::Policy": policy,
    "AWS::Logs::LogGroup": log_group,
    "AWS::S3::Bucket": bucket,
    "AWS::SQS::Queue": queue,
}


def there(name: str, absent: type[Exception], ask: Callable[[], Any]) -> str | None:
    try:
        ask()
    except absent:
        return None
    return name


def tagged_bucket(session: Any, stack: str, logical_name: str) -> str | None:
    """The bucket with a made-up name that was this resource of a stack of this name in this Region."""
    client = session.client("s3")
    # CloudFormation shortens long names, and leaves the beginning.
    names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    names = [name for name in names if name.startswith(stack.lower()[:20])]
    of_stack = f":cloudformation:{session.region_name}:"
    found = []
    for name in names:
        tags = tags_of(client, name)
        here = of_stack in tags.get("aws:cloudformation:stack-id", "")
        owner = tags.get("aws:cloudformation:stack-name"), tags.get("aws:cloudformation:logical-id")
        if here and owner == (stack, logical_name):
            found.append(name)
    if len(found) > 1:
        raise Failure(f"several buckets could be {logical_name}: choose with --resource {logical_name}=<one of "
                      f"{', '.join(found)}>")
    return found[0] if found else None


def tags_of(client: Any, bucket: str) -> dict[str, str]:
    """A bucket's tags; none of a bucket that is not ours to ask about."""
    try:
        tags = client.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "NoSuchTagSet"):
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in tags}


def import_stack(
    client: Any,
    stack: str,
    template: dict[str, Any],
    found: dict[str, dict[str, str]],
    parameters: dict[str, str],
) -> None:
    """Creates the stack by an import, and waits for its end."""
    change_set = f"restore-{int(time.time())}"
    client.create_change_set(
        StackName=stack,
        ChangeSetName=change_set,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in parameters.items()
            if name in template["Parameters"]
        ],
        ResourcesToImport=[
            {"ResourceType": template["Resources"][name]["Type"], "LogicalResourceId": name, "ResourceIdentifier": by}
            for name, by in found.items()
        ],
    )
    client.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName=change_set)
    client.execute_change_set(StackName=stack, ChangeSetName=change_set)
    client.get_waiter("stack_import_complete").wait(StackName=stack)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"restore: error: {failure}")
