"""The hardware probe (M5): what the host itself shows of its memory, cards, disks, temperatures and kernel."""
