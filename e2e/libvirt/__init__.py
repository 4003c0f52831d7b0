"""Real qemu under real libvirt, without KubeVirt: what the agent says when guests end, stand still or shut down."""
