"""What every client needs, whatever its document: the same files in each generated package."""
