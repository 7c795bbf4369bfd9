"""The small server under the example services and the services of tests."""

import asyncio

import httpx

from webhookcore_cli.local.small_http import Answer, Request, SmallServer


async def raw(port: int, *parts: bytes) -> bytes:
    """What a server answers to these bytes, sent one after the other, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_request_in_pieces_is_read_whole() -> None:
    """Method, target, headers in lower case, body."""
    seen: list[Request] = []

    def handler(request: Request) -> Answer:
        seen.append(request)
        return Answer(200, {"X-Test": "1"}, b"done")

    async with SmallServer(handler) as server:
        rest = b"TP/1.1\r\nHost: x\r\nX-Y: z\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab"
        answer = await raw(server.port, b"POST /a?b=c HT", rest, b"cd")
    assert answer == b"HTTP/1.1 200 OK\r\nX-Test: 1\r\nContent-Length: 4\r\n\r\ndone"
    assert [(each.method, each.target, each.headers["x-y"], each.body) for each in seen] == [
        ("POST", "/a?b=c", "z", b"abcd")
    ]


async def test_answers_keep_the_order_of_their_requests() -> None:
    """Two on one connection, the first one slow."""

    async def handler(request: Request) -> Answer:
        await asyncio.sleep(0.05 if request.target == "/slow" else 0)
        return Answer(200, {}, request.target.encode())

    async with SmallServer(handler) as server:
        slow, fast = (b"GET /%s HTTP/1.1\r\nHost: x\r\n" % name for name in (b"slow", b"fast"))
        answer = await raw(server.port, slow + b"\r\n" + fast + b"Connection: close\r\n\r\n")
    assert answer.index(b"/slow") < answer.index(b"/fast")


async def test_an_answer_of_204_has_no_body_and_an_unknown_status_no_phrase() -> None:
    """So that a client does not take one answer's body for the next answer."""
    assert Answer(204, {}, b"ignored").encode() == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert Answer(299).encode() == b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"


async def test_what_is_no_http_is_refused() -> None:
    """400, and the connection is closed."""
    async with SmallServer(lambda _: Answer()) as server:
        assert (await raw(server.port, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_a_server_comes_back_on_its_port() -> None:
    """After a stop nobody answers; after a start the same clients get there again."""
    server = SmallServer(lambda _: Answer())
    await server.start()
    url = f"http://127.0.0.1:{server.port}/"
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200
        await server.stop()
        await server.stop()
        try:
            await client.get(url)
        except httpx.TransportError as error:
            gone = error
        assert gone
        await server.start()
        assert (await client.get(url)).status_code == 200
        await server.stop()


async def test_a_client_that_goes_away_ends_its_answer() -> None:
    """A handler that waits is cancelled with its connection."""
    ended = asyncio.Event()

    async def handler(_: Request) -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Answer()

    async with SmallServer(handler) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.transport.abort()
        async with asyncio.timeout(5):
            await ended.wait()
