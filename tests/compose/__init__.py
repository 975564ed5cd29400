"""The compose file as it is, on a Docker that need not have been there before. Bots play by its one port, and keep a ledger of what they were told."""
