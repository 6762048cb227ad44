"""Shows how far something is: a bar for what has an end, and a line for what has none."""
