"""The language of `when:`: a decidable, typed subset of CEL."""
