"""One thin file per resource: from a validated request to the domain and back."""
