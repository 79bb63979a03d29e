"""What is measured: quality, curves and their differences, time and memory, on what machine."""
