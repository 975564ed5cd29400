"""Faults while bots play: whatever a process of the cluster suffers, nothing that was acknowledged is lost, and nothing is done twice."""
