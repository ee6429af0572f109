"""What touches the world: sessions, workspaces, sandboxes, processes, problem documents."""
