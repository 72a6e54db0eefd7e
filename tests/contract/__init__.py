"""What clients may rely on, whatever the schema: each rule of the protocols over real sockets, against a small schema."""
