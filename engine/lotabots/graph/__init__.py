"""The fleet as a graph: who may start whom, by which event."""
