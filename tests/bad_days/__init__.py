"""Bad days: the service as a real process, and what stands around it failing on real sockets, files and databases."""
