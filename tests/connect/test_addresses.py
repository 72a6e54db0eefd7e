"""Hosts matched whole, and paths rebuilt by us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connections.addresses import Addresses, SessionHost
from services.connections.paths import relative_path

HERE = Addresses("http://127.0.0.1:8000", "localhost:8000")
THERE = Addresses("https://api.example", "studios.example")
PUBLIC_ID = "0123456789ab"


@pytest.mark.parametrize(
    ("addresses", "tool", "shell"),
    [
        (HERE, f"a{PUBLIC_ID}.localhost:8000", f"s.a{PUBLIC_ID}.localhost:8000"),
        (THERE, f"a{PUBLIC_ID}.studios.example", f"s{PUBLIC_ID}.studios.example"),
        (Addresses("http://x", "my.localhost:1"), f"a{PUBLIC_ID}.my.localhost:1", f"s{PUBLIC_ID}.my.localhost:1"),
    ],
)
def test_the_hosts_of_tool_and_shell_are_one_site_and_recognised(addresses: Addresses, tool: str, shell: str) -> None:
    assert (addresses.tool_host(PUBLIC_ID), addresses.shell_host(PUBLIC_ID)) == (tool, shell)
    assert addresses.session_of(tool) == SessionHost(PUBLIC_ID, is_shell=False)
    assert addresses.session_of(shell) == SessionHost(PUBLIC_ID, is_shell=True)


@pytest.mark.parametrize(
    "host",
    [
        f"A{PUBLIC_ID}.localhost:8000",
        f"a{PUBLIC_ID.upper()}.localhost:8000",
        f"a{PUBLIC_ID}.localhost",
        f"a{PUBLIC_ID}.localhost:80",
        f"a{PUBLIC_ID}.localhost:8000.",
        f"a{PUBLIC_ID}.localhost.:8000",
        f"a{PUBLIC_ID}.localhost:8000.evil.example",
        f"a{PUBLIC_ID}.localhost:80000",
        f"xa{PUBLIC_ID}.localhost:8000",
        f"x.a{PUBLIC_ID}.localhost:8000",
        f"s{PUBLIC_ID}.localhost:8000",
        f"s.s{PUBLIC_ID}.localhost:8000",
        f"s.s.a{PUBLIC_ID}.localhost:8000",
        f"sa{PUBLIC_ID}.localhost:8000",
        f"s.a{PUBLIC_ID}.localhost",
        f"a{PUBLIC_ID}xlocalhost:8000",
        f"a{PUBLIC_ID}.evillocalhost:8000",
        f"a{PUBLIC_ID[:-1]}.localhost:8000",
        f"a{PUBLIC_ID}0.localhost:8000",
        f"a{PUBLIC_ID[:-1]}i.localhost:8000",
        f"a{PUBLIC_ID}.localhost:8000\n",
        f"a{PUBLIC_ID}.localhost:8000, localhost",
        f"user@a{PUBLIC_ID}.localhost:8000",
        f"{PUBLIC_ID}.localhost:8000",
        "localhost:8000",
        "",
    ],
)
def test_a_host_that_only_resembles_a_session_is_none(host: str) -> None:
    assert HERE.session_of(host) is None


@pytest.mark.parametrize("host", [f"s.a{PUBLIC_ID}.studios.example", f"x.s{PUBLIC_ID}.studios.example", f"s{PUBLIC_ID}.example"])
def test_the_shell_has_one_name(host: str) -> None:
    assert THERE.session_of(host) is None


@pytest.mark.parametrize("host", [f"A{PUBLIC_ID}.LOCALHOST:8000", "x.localhost", "x.localhost.:8000", "anything.localhost:1"])
def test_whatever_lies_under_the_connect_domain_is_never_the_api(host: str) -> None:
    assert HERE.is_session_like(host)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "10.0.0.1:8000", "notlocalhost:8000"])
def test_other_hosts_may_be_the_apis(host: str) -> None:
    assert not HERE.is_session_like(host)


def test_an_api_host_under_the_connect_domain_stays_the_apis() -> None:
    addresses = Addresses("https://api.studios.example", "studios.example")
    assert not addresses.is_session_like("api.studios.example")
    assert addresses.is_session_like("other.studios.example")


def test_programs_learn_where_to_dial() -> None:
    assert HERE.dial_address == "127.0.0.1:8000"
    assert THERE.dial_address == "studios.example:443"


def test_the_address_to_share_is_the_shells() -> None:
    assert THERE.session_url(PUBLIC_ID) == f"https://s{PUBLIC_ID}.studios.example/"


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("ftp://x", "localhost"),
        ("http://x/y", "localhost"),
        ("http://u@x", "localhost"),
        ("x", "localhost"),
        ("http://x", "LOCALHOST"),
        ("http://x", "*.x"),
        ("http://x", "x/y"),
        ("http://x", ""),
    ],
)
def test_settings_that_make_no_sense_are_refused(url: str, domain: str) -> None:
    with pytest.raises(ValueError, match=r"public URL|connect domain"):
        Addresses(url, domain)


@pytest.mark.parametrize("path", ["/", "/lab", "/lab/tree/a%20b", "/a%2Fb?x=%2F&y=1", "/x?next=//elsewhere", "/a;b=c/@d", "/a%25b"])
def test_a_plain_path_stays_as_it_is(path: str) -> None:
    assert relative_path(path) == path


def test_a_fragment_is_dropped_and_odd_characters_are_encoded() -> None:
    assert relative_path("/ä?q=ö#top") == "/%C3%A4?q=%C3%B6"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/%252fevil.example",
        "/%5cevil.example",
        "/a/../..//evil",
        "/a/%2e%2e/b",
        "/%09/evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=1",
        "/a%0d%0aSet-Cookie:x=1",
        "/_sg/enter?code=x",
        "/%5fsg/enter",
        "/%2525252e/",
        "?x",
        "",
        None,
        "/" + "x" * 3000,
    ],
)
def test_everything_else_leads_to_the_root(path: str | None) -> None:
    assert relative_path(path) == "/"


@given(st.text(alphabet="/\\%25fFeE._:@?#a \t\n", max_size=12))
def test_no_text_makes_a_path_that_leads_elsewhere(text: str) -> None:
    path = relative_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\", "/_sg"))
    assert path.isascii()
    assert path.isprintable()
