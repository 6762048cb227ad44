"""Sends messages, remembers what is on its way, and confirms what was lost on the way back."""
