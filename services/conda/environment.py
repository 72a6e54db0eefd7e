"""Reads the text of an `environment.yml` into a `CondaEnvironment`, and reports all that is wrong with it at once (B76)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from services.conda import match_specs, yaml_tree
from services.conda.channels import NO_DEFAULTS, ChannelPolicy, ChannelRefused
from services.conda.match_specs import InvalidSpec, PackageSpec
from services.conda.yaml_tree import InvalidYaml, Node, TextPosition, YamlList, YamlMapping, YamlText
from services.domain.limits import MAX_CONDA_ENVIRONMENT_LENGTH

PIP = "pip"
KEYS = ("name", "channels", "dependencies")
START = TextPosition(1, 1)
MAX_PARENTHESES = 8
"""In a requirement of pip. Each nests the markers of environments, which are read recursively."""
REQUIREMENT_CHARACTERS = re.compile(r"[A-Za-z0-9 ._\-\[\](),;<>=!~*+'\"]+")
"""pip reads requirements from a file, in which `#` begins a comment, `\\` joins lines, and `${NAME}` is a variable of the build."""


@dataclass(frozen=True, slots=True)
class EnvironmentProblem:
    """One problem of the text: where it is, a stable code, and a message that says what to do."""

    position: TextPosition
    code: str
    message: str


class InvalidEnvironment(Exception):
    """The text describes no environment that can be installed; `problems` lists all that is wrong, in the order of the text."""

    def __init__(self, problems: Iterable[EnvironmentProblem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.position)
        super().__init__("; ".join(problem.message for problem in self.problems))


@dataclass(frozen=True, slots=True)
class CondaEnvironment:
    """The packages of an environment: `channels` are addresses, the first has precedence; `packages` are match specs; `pip` requirements.

    Two texts that ask for the same have equal values: names, order of packages, comments and quotes make no difference.
    """

    channels: tuple[str, ...]
    packages: tuple[str, ...]
    pip: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"channels": list(self.channels), "packages": list(self.packages), "pip": list(self.pip)}


def parse(text: str, policy: ChannelPolicy) -> CondaEnvironment:
    """Returns the environment that `text` describes. Raises InvalidEnvironment, and nothing else."""
    if len(text) > MAX_CONDA_ENVIRONMENT_LENGTH:
        message = f"The text has {len(text)} characters, and at most {MAX_CONDA_ENVIRONMENT_LENGTH} are possible. Remove some packages."
        raise InvalidEnvironment([EnvironmentProblem(START, "LENGTH", message)])
    try:
        root = yaml_tree.read(text)
    except InvalidYaml as error:
        raise InvalidEnvironment([EnvironmentProblem(error.position, "YAML", error.message)]) from error
    parser = _Parser(policy)
    environment = parser.environment(root)
    if parser.problems:
        raise InvalidEnvironment(parser.problems)
    return environment


@dataclass(slots=True)
class _Parser:
    policy: ChannelPolicy
    problems: list[EnvironmentProblem] = field(default_factory=list)

    def environment(self, root: Node | None) -> CondaEnvironment:
        values = self._values(root)
        self._check_name(values.get("name"))
        channels = self._channels(values.get("channels"))
        specs, pip = self._dependencies(values.get("dependencies"))
        if not specs and not pip and not self.problems:
            self._add(root, "REQUIRED", "List at least one package below `dependencies`.")
        used = [self._channel_of_spec(node, spec) for node, spec in specs]
        return CondaEnvironment(
            tuple(dict.fromkeys([*channels, *[url for url in used if url]])),
            tuple(sorted({_with_channel(spec, url) for (_, spec), url in zip(specs, used, strict=True)})),
            tuple(sorted(set(pip))),
        )

    def _add(self, node: Node | None, code: str, message: str) -> None:
        self.problems.append(EnvironmentProblem(node.position if node else START, code, message))

    def _values(self, root: Node | None) -> dict[str, Node]:
        if not isinstance(root, YamlMapping):
            self._add(root, "TYPE", "An environment is a mapping with the keys `channels` and `dependencies`.")
            return {}
        values: dict[str, Node] = {}
        for key, value in root.entries:
            if key.text not in KEYS:
                self._add(key, "KEY", f"The key {key.text[:60]!r} is not supported. Remove it; known keys are {', '.join(KEYS)}.")
            elif key.text in values:
                self._add(key, "DUPLICATE", f"The key {key.text!r} occurs twice. Join its values below one.")
            else:
                values[key.text] = value
        return values

    def _check_name(self, name: Node | None) -> None:
        if name is not None and not isinstance(name, YamlText):
            self._add(name, "TYPE", "The name is a word. It has no effect here, and can be left out.")

    def _items(self, node: Node | None, noun: str) -> tuple[Node, ...]:
        if node is None or (isinstance(node, YamlText) and node.is_absent):
            return ()
        if isinstance(node, YamlList):
            return node.items
        self._add(node, "TYPE", f"{noun} are a list: one line for each, which begins with `- `.")
        return ()

    def _channels(self, node: Node | None) -> list[str]:
        urls = []
        for item in self._items(node, "Channels"):
            if not isinstance(item, YamlText):
                self._add(item, "TYPE", "A channel is a name, such as conda-forge, or an https address.")
            elif item.text != NO_DEFAULTS and (url := self._channel(item, item.text)):
                urls.append(url)
        return urls or [url for name in self.policy.default if (url := self._channel(node, name))]

    def _channel(self, node: Node | None, channel: str) -> str | None:
        try:
            return self.policy.url(channel)
        except ChannelRefused as error:
            self._add(node, "CHANNEL", str(error))
            return None

    def _channel_of_spec(self, node: YamlText, spec: PackageSpec) -> str | None:
        return self._channel(node, spec.channel) if spec.channel else None

    def _dependencies(self, node: Node | None) -> tuple[list[tuple[YamlText, PackageSpec]], list[str]]:
        specs: list[tuple[YamlText, PackageSpec]] = []
        pip: list[str] = []
        for item in self._items(node, "Dependencies"):
            if isinstance(item, YamlText):
                if spec := self._package(item):
                    specs.append((item, spec))
            else:
                pip += self._pip(item)
        return specs, pip

    def _package(self, node: YamlText) -> PackageSpec | None:
        try:
            return match_specs.parse(node.text)
        except InvalidSpec as error:
            self._add(node, "PACKAGE", str(error))
            return None

    def _pip(self, node: YamlList | YamlMapping) -> list[str]:
        if not isinstance(node, YamlMapping) or [key.text for key, _ in node.entries] != [PIP]:
            self._add(node, "TYPE", "A dependency is a package, or the key `pip:` with a list of pip's packages.")
            return []
        requirements = [self._requirement(item) for item in self._items(node.entries[0][1], "The packages of pip")]
        return [requirement for requirement in requirements if requirement]

    def _requirement(self, node: Node) -> str | None:
        message = (
            "This is no requirement of pip. Write NAME, NAME==VERSION or NAME[EXTRA]>=VERSION; options and addresses are not supported."
        )
        text = node.text if isinstance(node, YamlText) and node.text.count("(") <= MAX_PARENTHESES else ""
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self._add(node, PIP.upper(), message)
            return None
        if requirement.url is not None or not REQUIREMENT_CHARACTERS.fullmatch(str(requirement)):
            self._add(node, PIP.upper(), message)
            return None
        return str(requirement)


def _with_channel(spec: PackageSpec, url: str | None) -> str:
    """Returns the request as a solver takes it, with the address of its channel in place of the name."""
    return f"{url}::{spec.text.partition('::')[2]}" if url else spec.text
