"""Runs bots: a program per job, in a sandbox, with a folder that is gone afterwards.

`executor.SandboxExecutor` is the port's implementation; the other modules are its parts.
"""
