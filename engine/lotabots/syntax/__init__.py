"""YAML text to nodes with exact places; nothing here knows what the keys mean."""
