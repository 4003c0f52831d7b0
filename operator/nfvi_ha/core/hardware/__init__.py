"""What readings of hardware and lines of the kernel log mean: pure, times are passed in."""
