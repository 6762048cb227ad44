"""Reads what the server knows: executions, searches, messages that arrived, whose the key is."""
