"""The service's loops: they order calls and perform effects; every decision is the policy's.

Nothing here knows NATS, sandboxes or files; the ports say what it needs of the world.
"""
