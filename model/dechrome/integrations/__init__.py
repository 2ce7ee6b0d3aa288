"""dechrome in the frameworks that others build on: one module and one extra each, imported by nobody else."""
