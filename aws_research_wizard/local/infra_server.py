"""The process of the infrastructure endpoint: ``python -m aws_research_wizard.local.infra_server --home DIR --port N``."""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path

from aws_research_wizard.local.home import ACCOUNT, IMAGE_ID, LOOPBACK, REGION, Home, write_atomically

DEBIAN = "136693071363"
"""The account of Debian's own images on AWS: the plain image is nobody's here."""
IMAGE = {
    "ami_id": IMAGE_ID,
    "name": "debian-12-amd64-local",
    "description": "Debian 12 (amd64): on this machine a process with its own folder",
    "owner_id": DEBIAN,
    "public": True,
    "virtualization_type": "hvm",
    "architecture": "x86_64",
    "state": "available",
    "platform": None,
    "image_type": "machine",
    "image_location": "local/debian-12-amd64",
    "hypervisor": "xen",
    "root_device_name": "/dev/xvda",
    "root_device_type": "ebs",
    "sriov": "simple",
    "creation_date": "2026-01-01T00:00:00.000Z",
}


def prepare(home: Home) -> None:
    """Set what the emulating library reads from its environment; must run before it is imported."""
    home.root.mkdir(parents=True, exist_ok=True)
    images = home.root / "images.json"
    write_atomically(images, json.dumps([IMAGE]))
    os.environ.update(
        {
            "MOTO_ACCOUNT_ID": ACCOUNT,
            "MOTO_AMIS_PATH": str(images),
            "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
            "MOTO_ENABLE_AMI_VALIDATION": "true",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
        }
    )


def serve(home: Home, port: int) -> None:
    """Answer until the process ends."""
    prepare(home)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    from aws_research_wizard.local.backends import Backends
    from aws_research_wizard.local.infra import Infrastructure

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = Infrastructure(DomainDispatcherApplication(create_backend_app), Backends(home.infra_file), home.efs)
    app.backends.save()
    run_simple(LOOPBACK, port, app, threaded=True, request_handler=MotoRequestHandler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    serve(Home.at(asked.home), asked.port)


if __name__ == "__main__":
    main()
