"""Training on a built dataset."""
