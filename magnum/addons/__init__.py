"""Add-ons: what is run in a cluster of Kubernetes beside its owner's work, as data. See docs/addons.md.

Pure, as `nodes` is for what runs on a machine: the API loads it with the specs of drivers, for what they honour and for
the bill of images. What applies add-ons is `coe.addons`, and what makes steps of that, `drivers.addons`.
"""
