"""Labels of volumes."""

from magnum.model.label_kinds import FLAG, TAG, TEXT, Number

from .entries import everywhere, fedora, label

_CSI: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("cinder_csi_plugin_tag", "the driver itself", fedora("v1.18.0", "v1.16.0"), ""),
    ("csi_attacher_tag", "the part that attaches volumes", fedora("v2.0.0"), ""),
    ("csi_provisioner_tag", "the part that makes volumes", fedora("v1.4.0"), ""),
    ("csi_snapshotter_tag", "the part that makes snapshots", fedora("v1.2.2"), ""),
    ("csi_resizer_tag", "the part that makes volumes larger", fedora("v0.3.0"), ""),
    ("csi_node_driver_registrar_tag", "the part that makes the driver known on each node", fedora("v1.1.0"), ""),
    ("csi_liveness_probe_tag", "the part that watches the driver", {}, "16.0.0"),
)

LABELS = (
    label(
        "docker_volume_type",
        TEXT,
        "The type of the volumes that hold containers: without it, what [cinder] default_docker_volume_type says.",
    ),
    label("etcd_volume_size", Number(), "The size of etcd's volume in GB; 0 for none.", everywhere("0")),
    label(
        "etcd_volume_type",
        TEXT,
        "The type of etcd's volume: without it, what [cinder] default_etcd_volume_type says.",
    ),
    label(
        "boot_volume_size",
        Number(),
        "The size of the volume that a node boots from in GB; 0 to boot from its flavor's own disk.",
        fedora("0"),
    ),
    label(
        "boot_volume_type",
        TEXT,
        "The type of the volume that a node boots from: without it, what [cinder] default_boot_volume_type says.",
    ),
    label(
        "delete_volumes",
        FLAG,
        "Delete the volumes in which pods have stored things when the cluster is deleted; else they are kept.",
    ),
    label("cinder_csi_enabled", FLAG, "Serve volumes of Cinder by its CSI driver.", fedora("true")),
    *(
        label(name, TAG, f"The tag of an image of Cinder's CSI driver: {part}.", defaults, since=since)
        for name, part, defaults, since in _CSI
    ),
)
