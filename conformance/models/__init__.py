"""Generated inputs and what they must come to: calls from the contract, runs and file trees with their oracles."""
