"""The database itself: engines, transactions, compiled statements, errors, wake-ups. Knows no table of the domain."""
