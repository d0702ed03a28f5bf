"""The embedded Valkey."""

from __future__ import annotations

import socket

from config.embedded.servers import Server, log_tail


class Valkey(Server):
    name = "valkey"

    def prepare(self) -> None:
        self.plan.valkey_data.mkdir(mode=0o700, exist_ok=True)
        self.identity.own(self.plan.valkey_data)

    def command(self) -> list[str]:
        return [str(self.plan.valkey_server), "-"]  # settings come on stdin

    def config(self) -> bytes:
        # Appended and synced each second: queued messages survive a restart. Rows in
        # PostgreSQL are the truth either way; a lost message only delays a wake-up.
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.settings['valkey_port']}",
                f"requirepass {self.settings['password']}",
                f'dir "{self.plan.valkey_data}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "",
            )
        ).encode()

    def is_ready(self) -> bool:
        return valkey_answers(self.settings["valkey_port"], self.settings["password"])

    def advice(self) -> str:
        if "append only file" in log_tail(self.log_path, 20).lower():
            return (
                f"the queue's log is damaged: move {self.plan.valkey_data} away and "
                "start again; only wake-up messages are in it, all work is in "
                "PostgreSQL and is picked up by the next sweep"
            )
        return super().advice()


def valkey_answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                piece = link.recv(256)
                if not piece:
                    return False
                answer += piece
            return answer.endswith(b"+PONG\r\n")
    except OSError:
        return False
