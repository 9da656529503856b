"""Ways by which people are told of alerts."""
