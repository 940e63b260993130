"""A device built on the AWS IoT Device SDK for Python v2: connects until it is let in, publishes once, and reports.
It can also stay, wait for commands, and follow its shadow.

The SDK's MQTT 5 client reconnects by itself with back-off and jitter; the first connection of a certificate that AWS IoT
has never seen is always refused.
"""

import argparse
import json
import os
import queue
import sys
import threading
import time

from awscrt import mqtt5, mqtt_request_response
from awsiot import ServiceStreamOptions, V2ServiceException, iotshadow, mqtt5_client_builder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("client-id", "endpoint", "server-ca", "certificate", "key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--time-out", type=float, default=60)
    parser.add_argument("--stay", type=float, default=0, help="seconds for which it waits for commands")
    parser.add_argument("--shadow", action="store_true", help="while it stays, it follows its shadow")
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
        leave_at = time.monotonic() + arguments.stay
        commands = mqtt5.Subscription(topic_filter=f"cmd/{arguments.client_id}/+", qos=mqtt5.QoS.AT_LEAST_ONCE)
        client.subscribe(mqtt5.SubscribePacket(subscriptions=[commands])).result(timeout=arguments.time_out)
        if arguments.shadow:
            Shadow(client, arguments.client_id, arguments.time_out).follow(leave_at)
        time.sleep(max(0.0, leave_at - time.monotonic()))
    client.stop()
    stopped.wait(10)
    print(json.dumps({"published": published, "failures": len(failures), "last": failures[-1:]}))
    return 0 if published else 1


class Shadow:
    """The device's side of its shadow: does what the shadow asks for, reports it, and asks whether anything is left."""

    def __init__(self, client: mqtt5.Client, thing: str, time_out: float) -> None:
        self.thing = thing
        self.time_out = time_out
        self.version = 0
        self.deltas: queue.Queue[tuple[int, dict]] = queue.Queue()
        options = mqtt_request_response.ClientOptions(
            max_request_response_subscriptions=2, max_streaming_subscriptions=1, operation_timeout_in_seconds=int(time_out)
        )
        self.service = iotshadow.IotShadowClientV2(client, options)

    def follow(self, leave_at: float) -> None:
        subscribed = threading.Event()
        # The callbacks run on the client's own thread, which must not wait for an answer.
        stream = self.service.create_shadow_delta_updated_stream(
            iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name=self.thing),
            ServiceStreamOptions(
                incoming_event_listener=lambda event: self.deltas.put((event.version, event.state)),
                subscription_status_listener=lambda _: subscribed.set(),
            ),
        )
        stream.open()
        if not subscribed.wait(self.time_out):
            raise TimeoutError("the subscription to the delta was not answered")
        # What was asked for while it was away has no message any more.
        version, delta = self._delta()
        self._apply(version, delta)
        while (left := leave_at - time.monotonic()) > 0:
            try:
                self._apply(*self.deltas.get(timeout=left))
            except queue.Empty:
                return

    def _apply(self, version: int, delta: dict) -> None:
        # Deltas can come twice, and in any order.
        if not delta or version <= self.version:
            return
        self.version = version
        self._say(f"is asked for {json.dumps(delta)} by version {version} of its shadow, and does it")
        request = iotshadow.UpdateShadowRequest(thing_name=self.thing, state=iotshadow.ShadowState(reported=delta))
        reported = self.service.update_shadow(request).result(timeout=self.time_out)
        left = self._delta()[1]
        self._say(f"has reported it in version {reported.version}; left to do: {json.dumps(left) if left else 'nothing'}")

    def _delta(self) -> tuple[int, dict]:
        """What is asked for and not reported, and in which version of the shadow."""
        try:
            answer = self.service.get_shadow(iotshadow.GetShadowRequest(thing_name=self.thing))
            shadow = answer.result(timeout=self.time_out)
        except V2ServiceException as error:
            # It has no shadow before anybody asks for or reports anything.
            if error.modeled_error is not None and error.modeled_error.code == 404:
                return 0, {}
            raise
        return shadow.version, shadow.state.delta or {}

    def _say(self, words: str) -> None:
        print(f"device {self.thing}: {words}", flush=True)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The SDK's own threads may still run when the interpreter is taken down, and take the process down with a signal.
    os._exit(code)
