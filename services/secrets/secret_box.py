"""Encrypts and decrypts secrets at rest with the installation's key."""

import hmac

from cryptography.fernet import Fernet, InvalidToken


class CannotOpen(Exception):
    """A secret cannot be decrypted: it was encrypted with another key of the installation, or altered."""


class SecretBox:
    """Encrypts text with Fernet (AES-128-CBC with HMAC-SHA256) and one key; the result is text for a database column."""

    def __init__(self, key: str) -> None:
        """Raises ValueError unless `key` is 32 bytes in url-safe base64."""
        self._fernet = Fernet(key)
        self._key = key.encode()

    @staticmethod
    def new_key() -> str:
        return Fernet.generate_key().decode()

    def derived_key(self, purpose: str) -> bytes:
        """Returns a key of 32 bytes for another purpose, from which nobody finds this one."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def seal(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Returns the decrypted secret. Raises CannotOpen."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise CannotOpen("a stored secret does not open with this installation's key") from error
