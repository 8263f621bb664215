"""Guests: what Nova, Neutron, Octavia and Cinder say there is in the lab, made of machines of this host."""
