"""What is said to people about rule files: places, findings, codes, renderers.

This is the lowest layer: it knows nothing of YAML, bots or rules.
"""
