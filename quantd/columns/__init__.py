"""Rows of one kind as columns of numpy arrays. Each batch is also a sequence of structs, which are made only for those who read them."""
