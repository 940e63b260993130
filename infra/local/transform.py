#!/usr/bin/env python3
"""Prints template.yaml as CloudFormation gets it: the output of the SAM transform, as JSON.

    .venv/bin/python infra/local/transform.py

It runs offline, with the translator that comes with the SAM CLI.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
# The transform of this name is done here; others are left for whoever reads the output.
SAM = "AWS::Serverless-2016-10-31"
# The translator asks for it where it needs the partition. The output refers to the stack's own Region.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


class NoManagedPolicies:
    """The template's roles have their own policies, so that no names of AWS's have to be looked up."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    try:
        from samcli.yamlhelper import yaml_parse
        from samtranslator.translator.transform import transform
    except ImportError as error:
        sys.exit(f"transform: error: {error}: install the tools with `python3 infra/local/cloud.py setup`")
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    transforms = template.get("Transform", [])
    transforms = [transforms] if isinstance(transforms, str) else transforms
    for resource in template["Resources"].values():
        # The translator takes no local folder; `sam package` puts such an address in its place.
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    template["Transform"] = SAM
    transformed = transform(template, {}, NoManagedPolicies())
    transformed["Transform"] = [name for name in transforms if name != SAM]
    json.dump(transformed, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
