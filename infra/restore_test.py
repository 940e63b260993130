#!/usr/bin/env python3
"""What infra/restore.py takes over of template.yaml: .venv/bin/python infra/restore_test.py"""

from __future__ import annotations

import json
import unittest
from typing import Any

from samcli.yamlhelper import yaml_parse

import restore

TEMPLATE = yaml_parse(restore.TEMPLATE.read_text())
# CloudFormation's longest template that a request holds, in bytes ("CloudFormation quotas").
MAX_TEMPLATE_BODY = 51_200
REGION = "eu-west-1"


class Reduction(unittest.TestCase):
    def test_all_that_stays_can_be_imported_and_found_by_its_name_but_the_bucket(self) -> None:
        kept = restore.retained(TEMPLATE)
        self.assertGreaterEqual(len(kept), 18)
        self.assertEqual({resource["Type"] for resource in kept.values()}, set(restore.NAMES))
        for name, resource in kept.items():
            fixed = restore.fixed_name(resource["Properties"].get(restore.NAMES[resource["Type"]][0]), {}, "fleet")
            self.assertEqual(fixed is None, name == "RevocationBucket", name)

    def test_the_reduced_template_needs_nothing_else(self) -> None:
        reduced = restore.reduce(TEMPLATE, set(restore.retained(TEMPLATE)))
        there = {"AWS::NoValue", "AWS::StackName", "AWS::Partition", "AWS::Region", "AWS::AccountId"}
        there |= set(reduced["Parameters"]) | set(reduced["Resources"])
        for name, resource in reduced["Resources"].items():
            self.assertEqual(resource, TEMPLATE["Resources"][name], "a property was left out")
        missing = {name for name in restore.references(reduced) if name not in there}
        self.assertEqual(missing, set())
        self.assertLessEqual(len(json.dumps(reduced)), MAX_TEMPLATE_BODY)
        self.assertNotIn("Transform", reduced)

    def test_what_refers_to_a_lost_resource_is_left_to_the_deployment(self) -> None:
        kept = set(restore.retained(TEMPLATE)) - {"LifecycleDeadLetters"}
        queue = restore.reduce(TEMPLATE, kept)["Resources"]["LifecycleEvents"]
        self.assertNotIn("RedrivePolicy", queue["Properties"])
        self.assertIn("QueueName", queue["Properties"])
        self.assertIn("RedrivePolicy", TEMPLATE["Resources"]["LifecycleEvents"]["Properties"])


class Unknown(Exception):
    response = {"Error": {"Code": "NoSuchTagSet"}}


class FakeS3:
    """Buckets with their tags; it is its own session."""

    region_name = REGION

    class exceptions:
        ClientError = Unknown

    def __init__(self, buckets: dict[str, dict[str, str] | None]) -> None:
        self.buckets = buckets

    def client(self, _service: str) -> FakeS3:
        return self

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": [{"Name": name} for name in self.buckets]}

    def get_bucket_tagging(self, Bucket: str) -> dict[str, Any]:
        tags = self.buckets[Bucket]
        if tags is None:
            raise Unknown
        return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def of(stack: str, region: str = REGION) -> dict[str, str]:
    return {
        "aws:cloudformation:logical-id": "RevocationBucket",
        "aws:cloudformation:stack-id": f"arn:aws:cloudformation:{region}:123456789012:stack/{stack}/1",
        "aws:cloudformation:stack-name": stack,
    }


class Bucket(unittest.TestCase):
    def test_the_bucket_is_the_one_that_was_this_stacks_in_this_region(self) -> None:
        buckets = FakeS3({
            "fleet-revocationbucket-1": of("fleet"),
            "fleet-revocationbucket-2": of("fleet", "us-east-1"),
            "fleet-b-revocationbucket-3": of("fleet-b"),
            "fleet-untagged": None,
        })
        found = [restore.tagged_bucket(buckets, stack, "RevocationBucket") for stack in ("fleet", "fleet-b", "f")]
        self.assertEqual(found, ["fleet-revocationbucket-1", "fleet-b-revocationbucket-3", None])

    def test_of_several_buckets_the_operator_chooses(self) -> None:
        buckets = FakeS3({"fleet-revocationbucket-1": of("fleet"), "fleet-revocationbucket-2": of("fleet")})
        with self.assertRaisesRegex(restore.Failure, "--resource RevocationBucket="):
            restore.tagged_bucket(buckets, "fleet", "RevocationBucket")


if __name__ == "__main__":
    unittest.main()
