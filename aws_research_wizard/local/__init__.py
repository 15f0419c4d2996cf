"""The whole cloud on this machine: emulated AWS services, an EC2 endpoint, and a runner that boots instances as processes."""
