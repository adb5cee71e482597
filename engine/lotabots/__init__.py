"""LotaBots: policy as code for a fleet of automation bots.

One declaration in YAML, four planes of enforcement: proved in CI, decided per event,
enforced by the broker, enforced by the kernel. See ARCHITECTURE.md for the layers.
"""

__version__ = "0.1.0"
