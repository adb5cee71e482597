"""Git repositories on this host, as a source of events."""
