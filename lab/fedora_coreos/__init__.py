"""What stands for Fedora CoreOS in the lab: Debian with podman, and Ignition before the first boot."""
