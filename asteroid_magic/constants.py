"""Defaults and names that several packages share."""

DEFAULT_BASE_URL = "https://odyssey.asteroid.ai/agents/v2"
# For a whole call, and to look for a message after the server's reply to it was lost.
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_CONFIRM_GRACE_S = 5.0
# The largest file to upload, in megabytes of 1,000,000 bytes.
DEFAULT_MAX_UPLOAD_MB = 100.0

API_KEY_VARIABLE = "ASTEROID_API_KEY"
BASE_URL_VARIABLE = "ASTEROID_BASE_URL"

# The magic that sends, without its percent sign.
SEND_MAGIC = "asteroid_send"
