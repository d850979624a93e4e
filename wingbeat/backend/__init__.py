"""What runs a graph. `base` is the protocol and the program cache; each other module is one backend."""
