"""What may be forgotten at any moment: values that were dear to make, for a time, within a bound."""
