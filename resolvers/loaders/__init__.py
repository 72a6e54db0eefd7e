"""The loaders of batched fields, one noun a module: keys in, values out, in the same order, one statement for all."""
