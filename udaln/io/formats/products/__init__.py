"""Products of satellites and aircraft, each by a reader of its own."""
