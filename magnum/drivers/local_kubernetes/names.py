"""Names that several modules of this driver and the tools around it share."""

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
"""What a machine is given of Kubernetes; everything else of it comes as images."""
DEFAULT_TAG = "v1.20.2"
"""The version of clusters whose label kube_tag says nothing: the one whose source is in Debian 12."""
PAUSE_IMAGE = "localhost/magnum/pause:1"
"""What every pod's first container is made of; see `pause_image`."""
