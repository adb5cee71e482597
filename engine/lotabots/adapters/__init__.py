"""Everything that touches the outside world, one folder per outside thing."""
