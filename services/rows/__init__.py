"""Row classes: the frozen results of reads, one class for each GraphQL type. They have plain attributes and load nothing."""
