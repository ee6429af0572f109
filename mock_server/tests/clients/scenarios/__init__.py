"""Programs that run inside the clients' own environments, with nothing of this project in reach."""
