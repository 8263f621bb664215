"""Labels of Kubernetes: networks and name service."""

from magnum.model.label_kinds import DOMAIN, FLAG, TAG, TEXT, Choice, Cidr, Cidrs, Number

from .entries import COREOS, SWARM, everywhere, fedora, label

LABELS = (
    label(
        "flannel_network_cidr",
        Cidr(),
        "The addresses of pods, with flannel.",
        everywhere("10.100.0.0/16") | {SWARM: "10.100.0.0/16"},
    ),
    label(
        "flannel_network_subnetlen",
        Number(least=8, most=30),
        "How many bits of a pod's address tell its node: longer than the prefix of flannel_network_cidr.",
        everywhere("24") | {SWARM: "24"},
    ),
    label(
        "flannel_backend",
        Choice(("udp", "vxlan", "host-gw")),
        "How flannel brings packets to other nodes.",
        everywhere("vxlan", container_linux="udp") | {SWARM: "udp"},
    ),
    label("flannel_tag", TAG, "The tag of flannel's image.", everywhere("v0.12.0-amd64", "v0.11.0-amd64", "v0.9.0")),
    label("flannel_cni_tag", TAG, "The tag of the image that brings flannel's CNI plug-in.", fedora("v0.3.0")),
    label("calico_tag", TAG, "The tag of calico's images.", everywhere("v3.13.1", "v3.3.6", "v2.6.7")),
    label(
        "calico_kube_controllers_tag",
        TAG,
        "The tag of the image of calico's controllers, in old releases of calico.",
        everywhere("v1.0.3"),
        until="19.0.0",
    ),
    label("calico_ipv4pool", Cidr(), "The addresses of pods, with calico.", everywhere("10.100.0.0/16")),
    label(
        "calico_ipv4pool_ipip",
        Choice(("Always", "CrossSubnet", "Never", "Off")),
        "Whether calico packs packets into IP-in-IP; Off and Never are the same.",
        fedora("Off"),
    ),
    label(
        "fixed_subnet_cidr",
        Cidr(narrowest=29),
        "The addresses of the nodes' own subnet. With an existing subnet, its addresses count.",
        everywhere("10.0.0.0/24"),
    ),
    label(
        "service_cluster_ip_range",
        Cidr(widest=12, narrowest=28),
        "The addresses of Services, which no other network near the cluster may have.",
        everywhere("10.254.0.0/16"),
    ),
    label("coredns_tag", TAG, "The tag of CoreDNS's image.", everywhere("1.6.6", "1.3.1", "1.3.1")),
    label("dns_cluster_domain", DOMAIN, "The domain that Services have their names in.", everywhere("cluster.local")),
    label(
        "master_lb_floating_ip_enabled",
        FLAG,
        "Give the API's load balancer a floating IP: as floating_ip_enabled says, without this label.",
    ),
    label(
        "master_lb_allowed_cidrs",
        Cidrs(),
        "Who reaches the API's load balancer, beside the cluster's own subnet; everybody, without this label.",
        everywhere(""),
    ),
    label("octavia_provider", TEXT, "Octavia's provider of load balancers.", {COREOS: "amphora"}, since="15.0.0"),
    label(
        "octavia_lb_algorithm",
        Choice(("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT")),
        "How load balancers of Octavia choose a member.",
        {COREOS: "ROUND_ROBIN"},
        since="15.0.0",
    ),
    label(
        "octavia_lb_healthcheck",
        FLAG,
        "Have load balancers of Octavia watch their members.",
        {COREOS: "true"},
        since="15.0.0",
    ),
)
