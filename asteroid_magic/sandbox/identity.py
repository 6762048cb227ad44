"""``GET /users/v2/whoami``: whose the key is."""

from .handlers import ApiHandler

WHOAMI_PATH = "/users/v2/whoami"
"""On the same host, beside the base path."""


class WhoAmI(ApiHandler):
    """Says whose the sandbox's key is; the check of the key says the rest."""

    def get(self) -> None:
        """Describe the one user of the sandbox, whose key it is."""
        self.send_json(self.service.world.describe_user())
