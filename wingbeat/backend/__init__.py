"""What runs a graph: `base` is the protocol and the program cache, the others are backends."""
