"""The mutations, one noun a file. `schema.mutations.command` builds their fields; `schema.mutation` joins the files."""
