"""Certificates and keys: read from files, issued and renewed."""
