"""Identifiers: row ids, the public ids of Studios, and secrets that are stored as hashes."""

import hashlib
import secrets
import uuid

PUBLIC_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PUBLIC_ID_LENGTH = 12


def new_id() -> str:
    """A row id: 32 hexadecimal digits, random."""
    return uuid.uuid4().hex


def new_public_id() -> str:
    """The id in a Studio's URL: 12 lower-case characters (60 bits), never derived from a name."""
    return "".join(secrets.choice(PUBLIC_ID_ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def new_secret(prefix: str) -> str:
    """A secret to show once: `prefix` tells people and scanners what it is; 256 random bits follow."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def secret_hash(secret: str) -> str:
    """What is stored of a secret. Plain SHA-256 is enough, since the secret has 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
