"""The command line: one command per file, no decisions of its own."""
