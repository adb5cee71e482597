"""NATS: the embedded server, and the two loops over nats-py that carry the engine."""
