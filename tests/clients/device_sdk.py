"""A device built on the AWS IoT Device SDK for Python v2: connects until it is let in, publishes once, and reports.
It can also stay, and wait for commands.

The SDK's MQTT 5 client reconnects by itself with back-off and jitter; the first connection of a certificate that AWS IoT
has never seen is always refused.
"""

import argparse
import json
import threading
import time

from awscrt import mqtt5
from awsiot import mqtt5_client_builder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("client-id", "endpoint", "server-ca", "certificate", "key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--time-out", type=float, default=60)
    parser.add_argument("--stay", type=float, default=0, help="seconds for which it waits for commands")
    arguments = parser.parse_args()
    host, port = arguments.endpoint.rsplit(":", 1)

    connected = threading.Event()
    stopped = threading.Event()
    failures = []
    client = mqtt5_client_builder.mtls_from_path(
        endpoint=host,
        port=int(port),
        cert_filepath=arguments.certificate,
        pri_key_filepath=arguments.key,
        ca_filepath=arguments.server_ca,
        client_id=arguments.client_id,
        min_reconnect_delay_ms=500,
        max_reconnect_delay_ms=4000,
        on_lifecycle_connection_success=lambda _: connected.set(),
        on_lifecycle_connection_failure=lambda failure: failures.append(str(failure.exception)),
        on_lifecycle_stopped=lambda _: stopped.set(),
    )
    client.start()
    published = False
    if connected.wait(arguments.time_out):
        packet = mqtt5.PublishPacket(
            topic=f"dt/{arguments.client_id}/hello", payload=b'{"from":"awsiotsdk"}', qos=mqtt5.QoS.AT_LEAST_ONCE
        )
        answer = client.publish(packet).result(timeout=arguments.time_out)
        published = answer.puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
    if published and arguments.stay:
        commands = mqtt5.Subscription(topic_filter=f"cmd/{arguments.client_id}/+", qos=mqtt5.QoS.AT_LEAST_ONCE)
        client.subscribe(mqtt5.SubscribePacket(subscriptions=[commands])).result(timeout=arguments.time_out)
        time.sleep(arguments.stay)
    client.stop()
    stopped.wait(10)
    print(json.dumps({"published": published, "failures": len(failures), "last": failures[-1:]}))
    return 0 if published else 1


if __name__ == "__main__":
    raise SystemExit(main())
