"""The published clients of the API, unmodified, against the mock: provisioning, scenarios, expectations, the matrix."""
