"""The loaders of batched fields, one noun a module. A loader gets keys and returns values in the same order, by one statement for all."""
