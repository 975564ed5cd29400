"""What every test of the whole needs: a world to serve, a server to serve it, a raw connection to talk to it."""
