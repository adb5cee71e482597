"""The fleet as frozen, typed values, and the decoder that builds them from syntax nodes.

After `decode` nobody touches a YAML node or a dictionary of unknown shape again.
"""
