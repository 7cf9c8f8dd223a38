"""What benchmarks share: running a command and measuring it, describing the machine, environments for peers."""
