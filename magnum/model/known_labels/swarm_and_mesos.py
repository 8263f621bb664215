"""Labels of Swarm and Mesos."""

from magnum.model.label_kinds import FLAG, TEXT, Json, Words

from .entries import MESOS, SWARM, SWARM_MODE, label

RUNTIME = "docker/runtime"

LABELS = (
    label(
        "swarm_strategy",
        Words(("spread", "binpack", "random"), separator=" "),
        "How the manager of an old swarm chooses a node.",
        {SWARM: "spread"},
        until="18.0.0",
    ),
    label(
        "rexray_preempt",
        FLAG,
        "Have a volume taken from a node that still holds it.",
        {SWARM: "false", SWARM_MODE: "false", MESOS: "false"},
    ),
    label(
        "mesos_slave_isolation",
        Words(
            (
                *("filesystem/posix", "filesystem/linux", "filesystem/shared", "posix/cpu", "posix/mem", "posix/disk"),
                *("cgroups/cpu", "cgroups/mem", RUNTIME, "namespaces/pid"),
            )
        ),
        "What agents keep apart, and how.",
        {MESOS: ""},
        until="14.0.0",
    ),
    label(
        "mesos_slave_image_providers",
        Words(("docker", "appc"), any_case=True),
        f"The kinds of images that agents run. With docker, {RUNTIME} has to be in mesos_slave_isolation.",
        {MESOS: ""},
        until="14.0.0",
    ),
    label("mesos_slave_work_dir", TEXT, "The folder that agents work in.", {MESOS: ""}, until="16.0.0"),
    label(
        "mesos_slave_executor_env_variables",
        Json(),
        "The environment that executors start with.",
        {MESOS: ""},
        until="14.0.0",
    ),
)
