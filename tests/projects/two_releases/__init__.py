"""The app ``shop`` of a project that upgrades the library: its models, and its traffic."""
