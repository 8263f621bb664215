"""Docker Swarm on machines of this host."""
