"""The checks. A file here is a check; nothing else needs to be edited to add one."""
