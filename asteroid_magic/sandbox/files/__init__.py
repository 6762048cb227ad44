"""How the sandbox serves files: the operations of the API, and the storage."""
