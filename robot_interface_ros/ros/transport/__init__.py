"""Names, messages, waiting: what clients and servers of the contract share."""
