"""Hosting of releases: the front that clients talk to, and the role that starts releases."""
