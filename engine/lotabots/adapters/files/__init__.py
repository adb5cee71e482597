"""Workspaces on disk."""
