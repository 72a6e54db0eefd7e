"""The last frame of a stream for each cause of its end, on each transport."""

from tests.contract.watching import Seen

LAST_FRAMES: dict[str, dict[str, Seen]] = {
    "token": {"websocket": ("closed", 4403), "sse": ("refused", ["UNAUTHENTICATED"]), "multipart": ("failed", ["UNAUTHENTICATED"])},
    "failure": {"websocket": ("closed", 1013), "sse": ("refused", ["INTERNAL"]), "multipart": ("failed", ["INTERNAL"])},
    "restart": {"websocket": ("closed", 1012), "sse": ("ended",), "multipart": ("failed", ["RESTARTING"])},
}
"""Clients of graphql-ws come back after 1012, 1013 and 4403; of graphql-sse, after an end without `complete`; Apollo's RetryLink, after
any `failed`."""
