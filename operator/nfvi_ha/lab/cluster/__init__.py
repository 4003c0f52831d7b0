"""What a cluster does centrally: scheduler, node lifecycle and KubeVirt's virt-controller, simulated."""
