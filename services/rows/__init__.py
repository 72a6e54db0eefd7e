"""What a read gives: frozen rows with plain attributes, one class for each GraphQL type that they are shown as. No entity, nothing lazy."""
