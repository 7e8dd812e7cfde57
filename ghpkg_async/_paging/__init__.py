"""Paging without I/O: which page to request next, and when a listing is complete."""
