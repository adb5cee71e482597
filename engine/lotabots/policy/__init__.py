"""The decision plane: a checked fleet compiled, and one pure decision per event."""
