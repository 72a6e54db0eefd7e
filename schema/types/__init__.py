"""The object types of the contract: each shows rows of one class."""
