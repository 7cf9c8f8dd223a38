"""Duplicates: exact, structural, semantic."""
