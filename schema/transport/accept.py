"""Chooses the media type of a response by the `Accept` header (RFC 9110)."""

GRAPHQL_JSON = "application/graphql-response+json"
LEGACY_JSON = "application/json"
SUPPORTED = (GRAPHQL_JSON, LEGACY_JSON)

EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed;subscriptionspec=1.0"
STREAMED = (EVENT_STREAM, MULTIPART)
"""The types of streams. A client must name one: `*/*` does not mean that it is prepared for a response without end."""


def accepted(header: str | None) -> str | None:
    """Returns the best type of a single answer for an `Accept` header; None if it accepts none of them.

    Of equal ones a type named in full goes before one that a range such as `*/*` covers, then the newer type before the older.
    """
    if not header or not header.strip():
        return GRAPHQL_JSON
    weights = dict(_ranges(header))
    best = max(SUPPORTED, key=lambda media: (_weight(media, weights), media in weights))
    return best if _weight(best, weights) > 0 else None


def streamed(header: str | None) -> str | None:
    """Returns the best type of a stream, server-sent events first among equals; None if the header names none of them."""
    weights = dict(_ranges(header or ""))
    best = max(STREAMED, key=lambda media: weights.get(media, 0.0))
    return best if weights.get(best, 0.0) > 0 else None


def is_json(header: str | None) -> bool:
    """Returns whether a `Content-Type` is JSON in UTF-8."""
    media, *parameters = [part.strip().lower() for part in (header or "").split(";")]
    charsets = [value.strip('" ') for name, _, value in (part.partition("=") for part in parameters) if name.strip() == "charset"]
    return media == LEGACY_JSON and all(charset in ("utf-8", "utf8") for charset in charsets)


def _weight(media: str, weights: dict[str, float]) -> float:
    """Returns the weight of the most specific range that matches."""
    return next((weights[name] for name in (media, "application/*", "*/*") if name in weights), 0.0)


def _ranges(header: str) -> list[tuple[str, float]]:
    ranges = []
    for item in header.split(","):
        media, *parameters = [part.strip().lower() for part in item.split(";")]
        values = {name.strip(): value.strip().strip('"') for name, _, value in (part.partition("=") for part in parameters)}
        if "subscriptionspec" in values:
            media += f";subscriptionspec={values['subscriptionspec']}"
        if values.get("charset", "utf-8") in ("utf-8", "utf8"):
            ranges.append((media, _quality(values.get("q", "1"))))
    return ranges


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
