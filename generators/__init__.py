"""Where tasks and traces come from."""
