"""Generates row ids, public ids of Studios, and secrets that are stored as hashes."""

import hashlib
import secrets
import uuid

PUBLIC_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PUBLIC_ID_LENGTH = 12


def new_id() -> str:
    """Returns a random row id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def new_public_id() -> str:
    """Returns a random id for a Studio's URL: 12 lower-case characters (60 bits), never derived from a name."""
    return "".join(secrets.choice(PUBLIC_ID_ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def new_secret(prefix: str) -> str:
    """Returns a new secret: `prefix`, by which people and scanners recognise it, and 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def secret_hash(secret: str) -> str:
    """Returns the hash that is stored of a secret. Plain SHA-256 is enough, since the secret has 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
