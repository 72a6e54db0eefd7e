"""The text of an `environment.yml`: what is accepted and how it is read, and every problem with its line and column."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rattler import MatchSpec

from services.conda import match_specs
from services.conda.channels import ChannelPolicy
from services.conda.environment import CondaEnvironment, InvalidEnvironment, parse
from services.conda.match_specs import InvalidSpec
from services.domain.limits import MAX_CONDA_ENVIRONMENT_LENGTH

pytestmark = pytest.mark.behaviour("B76")
POLICY = ChannelPolicy()
FORGE = "https://conda.anaconda.org/conda-forge"
TYPICAL = """\
name: analysis
channels:
  - conda-forge
  - bioconda
  - nodefaults
dependencies:
  - python=3.12
  - samtools >= 1.20, <2   # reads
  - "NumPy"
  - pip
  - pip:
      - polars[numpy]>=1.0
      - seaborn==0.13.2; python_version < '4'
"""


def refused(text: str, policy: ChannelPolicy = POLICY) -> list[tuple[int, int, str]]:
    """Returns line, column and code of each problem."""
    with pytest.raises(InvalidEnvironment) as caught:
        parse(text, policy)
    assert all(problem.message.endswith((".", "'.", "`.")) for problem in caught.value.problems)
    return [(problem.position.line, problem.position.column, problem.code) for problem in caught.value.problems]


def message(text: str, policy: ChannelPolicy = POLICY) -> str:
    with pytest.raises(InvalidEnvironment) as caught:
        parse(text, policy)
    return str(caught.value)


def packages(*lines: str) -> str:
    return "dependencies:\n" + "".join(f"  - {line}\n" for line in lines)


def test_a_typical_file_is_read_whole() -> None:
    assert parse(TYPICAL, POLICY) == CondaEnvironment(
        (FORGE, "https://conda.anaconda.org/bioconda"),
        ("numpy", "pip", "python=3.12", "samtools>=1.20,<2"),
        ("polars[numpy]>=1.0", 'seaborn==0.13.2; python_version < "4"'),
    )


def test_texts_that_ask_for_the_same_are_equal() -> None:
    other = (
        "# mine\ndependencies: [pip, numpy, 'samtools>=1.20,<2', {pip: ['seaborn==0.13.2;python_version<\"4\"', 'polars[numpy] >= 1.0']},"
    )
    assert parse(f"{other} python=3.12, python=3.12]\nchannels: [conda-forge, bioconda]", POLICY) == parse(TYPICAL, POLICY)


def test_the_order_of_channels_makes_a_difference() -> None:
    texts = [f"channels: [{channels}]\n{packages('samtools')}" for channels in ("conda-forge, bioconda", "bioconda, conda-forge")]
    assert parse(texts[0], POLICY) != parse(texts[1], POLICY)


def test_numbers_and_other_words_of_yaml_stay_text() -> None:
    assert parse(packages("python=3.10", "7zip", "'on'", "no"), POLICY).packages == ("7zip", "no", "on", "python=3.10")


@pytest.mark.parametrize("channels", ["", "channels:\n", "channels: []\n", "channels: [nodefaults]\n", "channels: ~\n"])
def test_an_environment_without_channels_gets_the_default_ones(channels: str) -> None:
    policy = ChannelPolicy("https://mirror.example/conda/", default=("ours", "conda-forge"))
    addresses = ("https://mirror.example/conda/ours", "https://mirror.example/conda/conda-forge")
    assert parse(channels + packages("numpy"), policy).channels == addresses


def test_the_channel_of_a_package_is_one_of_the_environment() -> None:
    environment = parse(packages("bioconda::samtools=1.20", "numpy"), POLICY)
    assert environment.channels == (FORGE, "https://conda.anaconda.org/bioconda")
    assert environment.packages == ("https://conda.anaconda.org/bioconda::samtools=1.20", "numpy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "TYPE")]),
        ("- numpy", [(1, 1, "TYPE")]),
        ("numpy", [(1, 1, "TYPE")]),
        ("name: x", [(1, 1, "REQUIRED")]),
        ("dependencies: []", [(1, 1, "REQUIRED")]),
        ("dependencies:", [(1, 1, "REQUIRED")]),
        ("dependencies: numpy", [(1, 15, "TYPE")]),
        ("dependencies: {numpy: 1}", [(1, 15, "TYPE")]),
        ("name: [a]\ndependencies: [a]", [(1, 7, "TYPE")]),
        ("dependencies: [a]\nprefix: /home/me", [(2, 1, "KEY")]),
        ("dependencies: [a]\n<<: {name: x}", [(2, 1, "KEY")]),
        ("dependencies: [a]\ndependencies: [b]", [(2, 1, "DUPLICATE")]),
        ("channels: [[a]]\ndependencies: [a]", [(1, 12, "TYPE")]),
        (packages("numpy: 1.26"), [(2, 5, "TYPE")]),
        (packages("[numpy]"), [(2, 5, "TYPE")]),
        (packages("{pip: [a], conda: [b]}"), [(2, 5, "TYPE")]),
        (packages("pip: requests"), [(2, 10, "TYPE")]),
        (packages("numpy", "numpy latest", "pip:\n      - requests\n      - -r more.txt"), [(3, 5, "PACKAGE"), (6, 9, "PIP")]),
        (
            "channels: [defaults, 'a b']\nextra: 1\n" + packages("x y z q"),
            [(1, 12, "CHANNEL"), (1, 22, "CHANNEL"), (2, 1, "KEY"), (4, 5, "PACKAGE")],
        ),
        (packages("numpy", "evil::numpy", "../x::numpy"), [(4, 5, "PACKAGE")]),
    ],
)
def test_every_problem_is_told_with_its_line_and_column(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert refused(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a: &x [1]\nb: *x", (1, 4)),
        ("dependencies: [*x]", (1, 16)),
        ("dependencies: !!python/object/apply:os.system [ls]", (1, 15)),
        ("dependencies: [!t numpy]", (1, 16)),
        ("dependencies:\n\t- numpy", (2, 1)),
        ("dependencies: [numpy", (1, 21)),
        ("dependencies: [{pip: [[a]]}]", (1, 23)),
        ("? [a]\n: b", (1, 3)),
        ("a: 1\n---\nb: 2", (2, 1)),
        ("name: a\0b", (1, 8)),
        ("name: x\nname: \ud800", (2, 7)),
        ('name: "\\UFFFFFFFF"', (1, 1)),
        ("[" * 2000, (1, 5)),
    ],
)
def test_hostile_and_broken_yaml_is_refused_where_it_is(text: str, position: tuple[int, int]) -> None:
    assert refused(text) == [(*position, "YAML")]


def test_a_bomb_of_aliases_is_never_expanded() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert refused(bomb) == [(1, 4, "YAML")]


def test_a_text_has_at_most_2048_characters() -> None:
    text = packages("numpy") + "#"
    assert parse(text.ljust(MAX_CONDA_ENVIRONMENT_LENGTH, "x"), POLICY).packages == ("numpy",)
    assert refused(text.ljust(MAX_CONDA_ENVIRONMENT_LENGTH + 1, "x")) == [(1, 1, "LENGTH")]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("numpy", "numpy"),
        ("Numpy 1.26", "numpy 1.26"),
        ("numpy=1.26", "numpy=1.26"),
        ("numpy = 1.26", "numpy=1.26"),
        ("numpy=1.26.4=py312h_0", "numpy=1.26.4=py312h_0"),
        ("numpy 1.26.* py312*", "numpy 1.26.* py312*"),
        ("numpy >=1.2 , <2 | 3.*", "numpy>=1.2,<2|3.*"),
        ("numpy=*", "numpy=*"),
        ("blas=*=openblas", "blas=*=openblas"),
        ("pytorch=2.1.*=*cuda*", "pytorch=2.1.*=*cuda*"),
        ("python *", "python *"),
        ("_libgcc_mutex", "_libgcc_mutex"),
        ("conda-forge/label/dev::pip~=24.0", "conda-forge/label/dev::pip~=24.0"),
        ("tzdata 2024a", "tzdata 2024a"),
        ("x !=1!2.0+local.1", "x!=1!2.0+local.1"),
    ],
)
def test_a_package_is_asked_for_as_solvers_take_it(text: str, spec: str) -> None:
    assert match_specs.parse(text).text == spec
    MatchSpec(spec)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "numpy latest", "bad spec ==", "x y z q", "numpy >", "numpy 1..2", "numpy 1.*.2", "numpy[version='1']", "pandas[all]",
        "-c evil", "--file=x", "numpy; rm -rf /", "$(id)", "`id`", "numpy && id", "numpy\nid", "a/b", "../x", "/etc/passwd",
        "https://x.example/p.conda", "file:///p.tar.bz2", "nümpy", "numpy|id", "numpy=1.0 py # x", "a" * 300,
        "x::y::z", "numpy (>=1)", "@/x", "numpy=1'0", "numpy=20000000000000000000=0",
    ],
)  # fmt: skip
def test_what_asks_for_no_package_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec):
        match_specs.parse(text)


@given(st.from_regex(match_specs.SPEC, fullmatch=True, alphabet=st.characters(codec="ascii")))
@settings(max_examples=500, deadline=None)
def test_a_solver_takes_what_is_accepted(text: str) -> None:
    try:
        spec = match_specs.parse(text)
    except InvalidSpec:
        return
    MatchSpec(spec.text)
    assert match_specs.parse(spec.text) == spec


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("http://conda.example/x", "begins with https://"),
        ("file:///srv/channel", "begins with https://"),
        ("https://me:secret@conda.example/x", "user, password or token"),
        ("https://me@conda.example/x", "user, password or token"),
        ("https://conda.example/t/abc-123/x", "user, password or token"),
        ("https://conda.example/x?token=1", "nothing else"),
        ("https://conda.example/x#y", "nothing else"),
        ("https://conda.example/a/../b", "nothing else"),
        ("https://conda.example:99999/x", "no address"),
        ("https://[::1/x", "no address"),
        ("https:///x", "and a host"),
        ("defaults", "several channels"),
        ("a b", "is no channel"),
        ("../x", "is no channel"),
        ("-x", "is no channel"),
        ("", "is no channel"),
        ("$(id)", "is no channel"),
        ("\u017fome", "is no channel"),
        ("t/abc-123/x", "user, password or token"),
    ],
)
def test_a_channel_that_cannot_be_used_is_refused(channel: str, words: str) -> None:
    text = f"channels: ['{channel}']\n{packages('numpy')}"
    assert words in message(text)
    assert refused(text) == [(1, 12, "CHANNEL")]


@pytest.mark.parametrize("channel", ["conda-forge", "conda-forge/label/dev", "https://conda.example:8443/a/b-c_d/"])
def test_names_and_https_addresses_are_channels(channel: str) -> None:
    expected = channel.rstrip("/") if "://" in channel else f"https://conda.anaconda.org/{channel}"
    assert parse(f"channels: ['{channel}']\n{packages('numpy')}", POLICY).channels == (expected,)


def test_the_operator_decides_which_channels_are_allowed() -> None:
    policy = ChannelPolicy("https://mirror.example", ("ours",), ("ours", "file:///srv/channel", "http://10.0.0.1/x"))
    text = f"channels: [ours, file:///srv/channel, http://10.0.0.1/x]\n{packages('a')}"
    assert parse(text, policy).channels == ("https://mirror.example/ours", "file:///srv/channel", "http://10.0.0.1/x")
    other = f"channels: [conda-forge]\n{packages('conda-forge::a')}"
    assert refused(other, policy) == [(1, 12, "CHANNEL"), (3, 5, "CHANNEL")]
    assert "Allowed: ours, file:///srv/channel" in message(other, policy)


@pytest.mark.parametrize(
    "requirement",
    [
        "-r more.txt",
        "--index-url=https://x",
        "-e .",
        "git+https://x/y",
        "x @ https://x/y",
        "./x",
        "x; rm",
        "$(id)",
        "x==",
        "''",
        "[a]",
        "a: b",
        "x===${PIP_INDEX_URL}",
        "x; os_name != '${PIP_INDEX_URL}'",
        "x; os_name != 'a #b'",
        "x===1\\",
        "x; os_name != '\u00a0'",
    ],
)
def test_what_is_no_requirement_of_pip_is_refused(requirement: str) -> None:
    assert [code for _, _, code in refused(packages(f"pip: [{json.dumps(requirement)}]"))] == ["PIP"]


LINES = st.sampled_from(
    [
        "name: x",
        "channels:",
        "dependencies:",
        "  - numpy",
        "  - pip:",
        "    - a==1",
        "  - ",
        "- &a x",
        "- *a",
        "!!str",
        "? ",
        "- |",
        "  [",
        "]",
        "---",
        "\t",
        '"',
    ]
)


@given(
    st.one_of(
        st.text(max_size=300), st.lists(LINES, max_size=20).map("\n".join), st.binary(max_size=200).map(lambda data: data.decode("latin-1"))
    )
)
@example("%YAML 1.99999999999\n---\na: b")
@example("%TAG ! tag:x,2000:\n---\n!x a")
@example("dependencies: !<!> [a]")
@example('"\\x')
@example("\ufeffdependencies: [a]")
@example("dependencies: [{pip: ['a; " + "(" * 1500 + "']}]")
@settings(max_examples=1000, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    result = outcome(text)
    if isinstance(result, CondaEnvironment):
        assert result.packages or result.pip
    else:
        assert result.problems
        assert all(problem.position.line >= 1 and problem.position.column >= 1 for problem in result.problems)


def outcome(text: str) -> CondaEnvironment | InvalidEnvironment:
    try:
        return parse(text, POLICY)
    except InvalidEnvironment as error:
        return error
