"""The kernel plane: runs a program under a compiled policy, or does not run it at all.

`launch` starts runs, `probe` proves that a level holds on this host, `policy_file` reads a policy.
Nothing here is imported by ``lotabots validate``.
"""
