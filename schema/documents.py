"""Parses, measures and validates documents, and caches them, since that takes 3 to 5 ms each time."""

import hashlib
from collections.abc import Mapping
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import MaxIntrospectionDepthRule, OverlappingFieldsCanBeMergedRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.document_size import excess_size
from schema.error_masking import public_error
from schema.limits import Limits, Measurer, TooDeep, excess, excess_cost
from schema.overlapping_fields import OverlappingFieldsRule
from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.sized_cache import SizedCache

RULES: tuple[type[ASTValidationRule], ...] = (
    *(OverlappingFieldsRule if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules),
    MaxIntrospectionDepthRule,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
"""The rules that Strawberry applies, and graphql-core's own limit of introspection. Its rule of overlapping fields compares pairs."""

MAX_VALIDATION_ERRORS = 20
MAX_KNOWN_COSTS = 16
MAX_REJECTIONS = 500
"""Rejected documents whose errors are cached."""
MAX_REJECTIONS_SIZE = 200_000
"""Code points in the messages of their errors, with ERROR_SIZE for each error."""
ERROR_SIZE = 100


class Document:
    """A valid document within the limits. `key` identifies its text."""

    def __init__(self, key: bytes, size: int, ast: DocumentNode, cost_variables: Mapping[str, frozenset[str]]) -> None:
        self.key = key
        self.size = size
        self.ast = ast
        self.operations = {
            node.name.value if node.name else None: node for node in ast.definitions if isinstance(node, OperationDefinitionNode)
        }
        self.cost_variables = cost_variables
        self.affordable: set[tuple[str, tuple[int | None, ...]]] = set()

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Returns the operation to execute. Raises OperationRejected with UNKNOWN_OPERATION."""
        if name is None and len(self.operations) > 1:
            names = ", ".join(filter(None, self.operations))
            raise operation_rejected(
                Code.UNKNOWN_OPERATION, f"The document has several operations ({names}): say which one by `operationName`."
            )
        node = next(iter(self.operations.values()), None) if name is None else self.operations.get(name)
        if node is None:
            missing = "no operation" if name is None else f"no operation named `{name[:80]}`"
            raise operation_rejected(Code.UNKNOWN_OPERATION, f"The document has {missing}.")
        return node


class Documents:
    """A cache of the documents that were used last: at most `count`, and `size` code points of text together.

    A code point of text takes 100 to 270 bytes of memory. The errors of rejected documents are cached, too.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, suggestions: bool, count: int = 500, size: int = 200_000) -> None:
        self._schema = schema
        self._limits = limits
        self._suggestions = suggestions
        self._documents: SizedCache[Document] = SizedCache(count=count, size=size)
        self._rejections: SizedCache[tuple[Code, list[dict[str, Any]]]] = SizedCache(count=MAX_REJECTIONS, size=MAX_REJECTIONS_SIZE)

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> Document:
        """Returns the document of a text. Raises OperationRejected with SYNTAX_ERROR, LIMIT_EXCEEDED or VALIDATION_FAILED."""
        if len(text) > self._limits.source_length:
            raise operation_rejected(
                Code.LIMIT_EXCEEDED, f"The document has {len(text)} characters; the limit is {self._limits.source_length}."
            )
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        rejection = self._rejections.get(key)
        if rejection is not None:
            raise OperationRejected(*rejection)
        document = self._documents.get(key)
        if document is None:
            document = self._prepare_once(key, text)
            self._documents.put(key, document, document.size)
        return document

    def _prepare_once(self, key: bytes, text: str) -> Document:
        try:
            return self._prepare(key, text)
        except OperationRejected as rejected:
            if all(error["extensions"]["code"] != Code.INTERNAL for error in rejected.errors):
                size = sum(len(error["message"]) + ERROR_SIZE for error in rejected.errors)
                self._rejections.put(key, (rejected.code, rejected.errors), size)
            raise

    def check_cost(self, document: Document, node: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
        """Measures the cost with the coerced values of the variables. Raises OperationRejected with LIMIT_EXCEEDED."""
        name = _name(node)
        sizes = tuple(_size(variables.get(variable)) for variable in sorted(document.cost_variables[name]))
        if not sizes or (name, sizes) in document.affordable:
            return
        _refuse(excess_cost(Measurer(self._schema, document.ast, node, self._limits, variables).measure(), self._limits))
        if len(document.affordable) < MAX_KNOWN_COSTS:
            document.affordable.add((name, sizes))

    def _prepare(self, key: bytes, text: str) -> Document:
        """Parses, measures and validates, in the order of their costs: a document beyond a limit is not validated."""
        ast = self._parse(text)
        _refuse(excess_size(ast, self._limits.document))
        cost_variables = {_name(node): self._measure(ast, node) for node in ast.definitions if isinstance(node, OperationDefinitionNode)}
        errors = validate(self._schema, ast, RULES, MAX_VALIDATION_ERRORS, hide_suggestions=not self._suggestions)
        if errors:
            raise OperationRejected(Code.VALIDATION_FAILED, [public_error(error, Code.VALIDATION_FAILED) for error in errors])
        return Document(key, len(text), ast, cost_variables)

    def _parse(self, text: str) -> DocumentNode:
        limits = self._limits
        try:
            return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.comments, max_source_length=limits.source_length)
        except GraphQLSyntaxError as error:
            raise OperationRejected(Code.SYNTAX_ERROR, [public_error(error, Code.SYNTAX_ERROR)]) from None
        except GraphQLError as error:  # nested too deeply for the parser
            raise OperationRejected(Code.LIMIT_EXCEEDED, [public_error(error, Code.LIMIT_EXCEEDED)]) from None

    def _measure(self, ast: DocumentNode, node: OperationDefinitionNode) -> frozenset[str]:
        """Returns the variables that the cost depends on. Raises OperationRejected with LIMIT_EXCEEDED."""
        measurer = Measurer(self._schema, ast, node, self._limits)
        try:
            measure = measurer.measure()
        except TooDeep:
            raise operation_rejected(Code.LIMIT_EXCEEDED, "The operation's selections and fragments are nested too deeply.") from None
        messages = excess(measure, self._limits)
        _refuse(messages if measurer.cost_variables else messages + excess_cost(measure, self._limits))
        return frozenset(measurer.cost_variables)


def _name(node: OperationDefinitionNode) -> str:
    return node.name.value if node.name else ""


def _size(value: Any) -> int | None:
    """What the cost depends on: the value of a page size, the length of a list."""
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) else None


def _refuse(problems: list[str]) -> None:
    if problems:
        code = Code.LIMIT_EXCEEDED
        raise OperationRejected(code, [{"message": problem, "extensions": {"code": code.value}} for problem in problems])
