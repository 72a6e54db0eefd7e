"""The one argument of every mutation."""

from typing import Annotated, TypeVar

import strawberry

T = TypeVar("T")

Given = Annotated[T, strawberry.argument(name="input", description="What is asked for.")]
