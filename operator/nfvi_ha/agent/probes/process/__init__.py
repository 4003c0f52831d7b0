"""The process probe: the daemons that a hypervisor needs, watched for their end and for not answering (M4)."""
