"""Whoever has sent a valid access token is not counted as anonymous."""

import httpx

from tests.contract.conftest import Running
from tests.contract.world import TOKEN
from tests.waiting import until


async def test_a_socket_is_anonymous_until_its_token_was_checked(api: Running) -> None:
    async with api.socket(token=None) as socket:
        await until(lambda: len(api.port_limits.anonymous) == 1)
        await socket.init(TOKEN)
        assert len(api.port_limits.anonymous) == 0


async def test_a_connection_is_anonymous_until_a_request_with_a_valid_token(api: Running) -> None:
    async with httpx.AsyncClient(verify=False) as client:  # no certificates to load: there is no TLS here
        for headers, anonymous in (({}, 1), ({"authorization": f"Bearer {TOKEN}"}, 0)):
            answer = await client.post(api.url, json={"query": "{me{name}}"}, headers=headers)
            assert answer.status_code == (401 if anonymous else 200)
            assert len(api.port_limits.anonymous) == anonymous
