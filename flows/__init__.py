"""The front door: command line, recipes, the build and its Prefect flow."""
