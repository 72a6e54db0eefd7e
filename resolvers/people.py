"""The fields of a user that depend on the viewer."""

from resolvers.context import Context
from services.rows.people import UserRow


def email(user: UserRow, context: Context) -> str | None:
    """Returns the user's e-mail address; None unless the viewer is that user."""
    return user.email if user.id == context.viewer.user_id else None
