"""An application behind the devices, built on the AWS SDK for Python: asks a device for something through its shadow, and
reads what devices have said.
"""

import argparse
import datetime
import decimal
import json
import time

import boto3
from boto3.dynamodb.conditions import Key


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    desire = actions.add_parser("desire", help="set the desired state of a device, and wait until it is reported")
    desire.add_argument("device")
    desire.add_argument("state", type=json.loads)
    desire.add_argument("--time-out", type=float, default=30)
    messages = actions.add_parser("messages", help="list what a device has said, and the versions of its shadows")
    messages.add_argument("device")
    messages.add_argument("--table", default="iot-jitr-messages")
    arguments = parser.parse_args()
    if arguments.action == "desire":
        return set_desired(arguments.device, arguments.state, arguments.time_out)
    return list_messages(arguments.table, arguments.device)


def set_desired(device: str, state: dict, time_out: float) -> int:
    data = boto3.client("iot-data")
    print(f"application: asks {device} for {json.dumps(state)}", flush=True)
    answer = data.update_thing_shadow(thingName=device, payload=json.dumps({"state": {"desired": state}}))
    version = json.load(answer["payload"])["version"]
    give_up_at = time.monotonic() + time_out
    while time.monotonic() < give_up_at:
        shadow = json.load(data.get_thing_shadow(thingName=device)["payload"])
        if "delta" not in shadow["state"]:
            reported = json.dumps(shadow["state"]["reported"])
            print(f"application: asked by version {version}, told by version {shadow['version']}: {reported}")
            return 0
        time.sleep(0.2)
    print(f"application: {device} has not reported it within {time_out:g} s: {json.dumps(shadow['state'])}")
    return 1


def list_messages(table: str, device: str) -> int:
    client = boto3.resource("dynamodb").Table(table).meta.client
    pages = client.get_paginator("query").paginate(
        TableName=table, KeyConditionExpression=Key("device").eq(device), ConsistentRead=True
    )
    rows = [("TIME", "TOPIC", "MESSAGE")]
    for page in pages:
        for item in page["Items"]:
            # The sort key: milliseconds since 1970, the topic, and what tells messages of one moment apart.
            milliseconds, topic, _ = item["message"].split("#")
            at = datetime.datetime.fromtimestamp(int(milliseconds) / 1000, datetime.timezone.utc)
            rows.append((at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), topic, told(topic, item["payload"])))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for at, topic, message in rows:
        print(f"{at:{widths[0]}}  {topic:{widths[1]}}  {message}")
    return 0


def told(topic: str, payload: object) -> str:
    """A payload in short: of a shadow its state, without when each member of it was set."""
    if isinstance(payload, dict) and topic.startswith("$aws/things/"):
        current = payload["current"]
        return f"version {current['version']}: {as_json(current['state'])}"
    return as_json(payload) if not hasattr(payload, "value") else f"{len(payload.value)} octets"


def as_json(value: object) -> str:
    return json.dumps(value, default=number, separators=(",", ":"), sort_keys=True)


def number(value: object) -> object:
    if not isinstance(value, decimal.Decimal):
        raise TypeError(f"{value!r} is no JSON")
    return int(value) if value == value.to_integral_value() else float(value)


if __name__ == "__main__":
    raise SystemExit(main())
