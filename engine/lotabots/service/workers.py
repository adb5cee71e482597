"""Picks the executor: the kernel sandbox at the best level that this host keeps."""

from __future__ import annotations
