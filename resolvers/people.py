"""What a viewer sees of a user."""

from resolvers.context import Context
from services.rows.people import UserRow


def email(user: UserRow, context: Context) -> str | None:
    """Only their own."""
    return user.email if user.id == context.viewer.user_id else None
