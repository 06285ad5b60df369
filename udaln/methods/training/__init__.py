"""What methods that train have in common: stages on Lightning, the chain of them, several devices."""
