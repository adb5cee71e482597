"""The audit log as a transparency log: Merkle tiles, signed checkpoints, offline proofs.

Formats are those of C2SP (tlog-tiles, tlog-checkpoint, signed-note, tlog-proof), so other tools
read them. Everything here works on bytes; `lotabots.adapters.files.auditlog` keeps the files.
"""
