"""Barbican's own module of this kind reads a pipeline in /etc and no other."""

from paste import deploy

application = deploy.loadapp("config:$environment/etc/barbican/barbican-api-paste.ini")
