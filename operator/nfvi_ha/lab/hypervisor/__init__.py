"""One simulated hypervisor: kubelet and virt-handler of its node, and one real child process per VM and launcher."""
