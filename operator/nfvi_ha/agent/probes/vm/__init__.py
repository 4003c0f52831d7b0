"""The VM probe: the processes of this hypervisor's VMs, watched for their end and for standing still."""
