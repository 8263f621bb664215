"""What machines see of this host to run Kubernetes: its programs, the image of every pod, and archives of images."""

import platform
from collections.abc import Callable
from pathlib import Path

from magnum.drivers.base import DriverContext
from magnum.drivers.local import rootfs
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.host import Bind
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.nodes import Node
from magnum.model.outcomes import Done, Outcome
from magnum.nodes.kubernetes import paths
from magnum.nodes.kubernetes.versions import Version

from . import pause_image
from .download import DownloadError
from .programs import ProgramsSource

KERNEL_LOG = Path("/dev/kmsg")


class MachinePrograms:
    def __init__(
        self,
        source: ProgramsSource,
        version: Callable[[DriverContext, Node], Version],
        images_dir: Path | None = None,
    ) -> None:
        self._source = source
        self._version = version
        self._images_dir = images_dir

    def fetch(self, context: DriverContext) -> Outcome:
        """See that there are programs of every version that is asked for, before any machine is made."""
        for tag in sorted({self._version(context, node).tag for node in context.changing}):
            self._fetch(context, tag)
        return Done()

    def binds(self, context: DriverContext, node: Node) -> tuple[Bind, ...]:
        tag = self._version(context, node).tag
        programs = self._find(tag)
        if programs is None:
            raise Retry(Code.PROVIDER_REFUSED, f"The programs of Kubernetes {tag} are gone from this host.")
        cache = self._source.cache_dir
        image = rootfs.find("debian-12", cache)
        return (
            *self._own_images(),
            Bind(programs, Path(paths.PROGRAMS)),
            Bind(pause_image.ensure(cache, image, platform.machine()), Path(paths.IMAGES)),
            # A kubelet does not start without; it reads there of processes that were killed for want of memory.
            Bind(KERNEL_LOG, KERNEL_LOG),
        )

    def _fetch(self, context: DriverContext, tag: str) -> None:
        if self._find(tag) is None:
            context.event(f"The programs of Kubernetes {tag} are downloaded to this host.")
            try:
                self._source.fetch(tag, lambda _text: None)
            except DownloadError as error:
                raise Fatal(
                    Code.PROVIDER_REFUSED,
                    f"This host has no programs of Kubernetes {tag}: {error}. Put them into [kubernetes] binaries_dir, "
                    "choose another version by the label kube_tag, or make Debian's own by "
                    "'python -m magnum.drivers.local_kubernetes.programs'.",
                ) from error

    def _find(self, tag: str) -> Path | None:
        try:
            return self._source.find(tag)
        except LocalError as error:
            raise Fatal(
                Code.PROVIDER_REFUSED,
                f"The programs of Kubernetes {tag} in [kubernetes] binaries_dir cannot be used: {error}. Mend or "
                "remove them, then retry.",
            ) from error

    def _own_images(self) -> tuple[Bind, ...]:
        if self._images_dir is None:
            return ()
        if not self._images_dir.is_dir():
            raise Fatal(
                Code.PROVIDER_REFUSED,
                f"[kubernetes] images_dir is {self._images_dir}, which is no folder of this host. Make it, or change "
                "the option, then retry.",
            )
        return (Bind(self._images_dir, Path(paths.OWN_IMAGES)),)
