"""Stands before a live service and judges what passes, both ways, by the document."""
