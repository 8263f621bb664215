"""Find out what can be reached from the network namespace that this program is started in.

A program of its own and not a module, because a namespace is entered by a process. It uses nothing but the standard
library. usage: reach.py HOST PORT RESOLVER... It prints one JSON object: the resolvers that know the host, and what
stood in the way of reaching the host, or null.
"""

import json
import secrets
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 2.0
ATTEMPTS = 2
TYPE_A = 1


def main(host: str, port: str, *resolvers: str) -> None:
    with ThreadPoolExecutor(max_workers=len(resolvers) or 1) as pool:
        answers = dict(zip(resolvers, pool.map(lambda resolver: ask(resolver, host), resolvers), strict=True))
    knowing = [resolver for resolver in resolvers if answers[resolver]]
    obstacle = connect(answers[knowing[0]][0], int(port)) if knowing else "no resolver answers"
    print(json.dumps({"resolvers": knowing, "obstacle": obstacle}))  # noqa: T201  its result


def connect(address: str, port: int) -> str | None:
    try:
        socket.create_connection((address, port), timeout=SECONDS).close()
    except OSError as error:
        return f"{address} port {port}: {error}"
    return None


def ask(resolver: str, host: str) -> list[str]:
    """Give the host's IPv4 addresses as this resolver knows them; none when it does not answer."""
    identifier = secrets.token_bytes(2)
    for _ in range(ATTEMPTS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            channel.settimeout(SECONDS)
            try:
                channel.connect((resolver, 53))
                channel.send(question(identifier, host))
                answer = channel.recv(4096)
            except OSError:
                continue  # no answer: the one thing that this asks about
            if answer[:2] == identifier:
                return addresses(answer)
    return []


def question(identifier: bytes, host: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in host.strip(".").split("."))
    return identifier + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", TYPE_A, 1)


def addresses(answer: bytes) -> list[str]:
    """Read the A records of a DNS answer."""
    questions, records = struct.unpack("!HH", answer[4:8])
    position = 12
    for _ in range(questions):
        position = after_name(answer, position) + 4
    found = []
    for _ in range(records):
        position = after_name(answer, position)
        kind, _, _, length = struct.unpack("!HHIH", answer[position : position + 10])
        if kind == TYPE_A:
            found.append(socket.inet_ntoa(answer[position + 10 : position + 14]))
        position += 10 + length
    return found


def after_name(answer: bytes, position: int) -> int:
    while length := answer[position]:
        if length >= 0xC0:  # a pointer to a name seen before ends this one
            return position + 2
        position += length + 1
    return position + 1


if __name__ == "__main__":
    main(*sys.argv[1:])
