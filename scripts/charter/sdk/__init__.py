"""Client libraries for any document: `charter sdk python` and `charter sdk typescript`.

`reading` turns the normal form of a document into the model of a client (`client`, `types`), which
knows no language. `python` and `typescript` write that model down with templates and add the
runtime of their language, which is the same for every document. `command` puts the result into
`dist/clients`.
"""
