"""Where a process starts; the only place that names concrete engines."""
