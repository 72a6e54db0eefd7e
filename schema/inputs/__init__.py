"""The inputs of mutations. Each becomes a request of the services; ids are decoded, and field paths of errors translated, here."""
