"""The mutations, one noun a file. `schema.mutations.command` says how a field is made; `schema.mutation` joins the files."""
