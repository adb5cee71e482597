"""The proof plane: what can be wrong with a fleet, one check per file in `catalog`."""
