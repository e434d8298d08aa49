"""What can be loaded: the mini model, fetched and merged once, and the families that models belong to."""
