"""The compose file as it is, on a Docker that need not have been there before; bots play by its published port, and keep a ledger of what they were told."""
