"""One description per record of a rule file; reading, writing and JSON Schema derive from it.

A `Codec` is a triple of functions made by a combinator (`integer`, `listing`, `record` ...), so a
key cannot be accepted by the decoder and unknown to the schema. The modules `bot`, `capability`,
`event`, `gate`, `settings` and `edge` are the descriptions; the others are the combinators.
"""
