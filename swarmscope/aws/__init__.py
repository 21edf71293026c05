"""What Swarmscope knows of AWS without asking it: metric families, settings, and the arithmetic on both. No I/O."""
