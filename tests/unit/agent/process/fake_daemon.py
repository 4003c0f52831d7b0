"""A daemon of a test: ``fake_daemon.py KIND ADDRESS``. Answers in the protocol of that kind; SIGUSR1 makes it go mute.

Mute it still accepts connections, as a daemon that hangs does.
"""

import json
import pathlib
import signal
import socketserver
import struct
import sys
import threading

SPEAKS = threading.Event()
"""Clear: it hangs, and answers all that it was asked once it goes on."""
HEADER = struct.Struct(">IIIIIII")


class Http(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(4096)
        SPEAKS.wait()
        self.request.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


class Libvirt(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        stream = self.request.makefile("rb")
        while head := stream.read(HEADER.size):
            length, program, version, procedure, _kind, serial, _status = HEADER.unpack(head)
            stream.read(length - HEADER.size)
            SPEAKS.wait()
            # An event in between, as libvirt may send one; then the reply, an error.
            self.request.sendall(HEADER.pack(HEADER.size, program, version, 999, 2, 0, 0))
            self.request.sendall(HEADER.pack(HEADER.size + 4, program, version, procedure, 1, serial, 1) + b"oops")


class Ovs(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        request = json.loads(self.request.recv(4096))
        SPEAKS.wait()
        answer = json.dumps({"id": request["id"], "result": [request["method"]], "error": None}).encode()
        self.request.sendall(answer[:7])
        self.request.sendall(answer[7:])


class Nonsense(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"\x00\x00\x00\x01nonsense nonsense nonsense nonsense")


def serve_cri(path: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    def version(_request: bytes, _context: object) -> bytes:
        SPEAKS.wait()
        return b""

    handler = grpc.method_handlers_generic_handler(
        "runtime.v1.RuntimeService", {"Version": grpc.unary_unary_rpc_method_handler(version)}
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    threading.Event().wait()


def main(kind: str, address: str) -> None:
    SPEAKS.set()
    signal.signal(signal.SIGUSR1, lambda *_: SPEAKS.clear())
    signal.signal(signal.SIGUSR2, lambda *_: SPEAKS.set())
    if kind == "none":
        threading.Event().wait()
    if kind == "cri":
        serve_cri(address)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    if kind == "http":
        host, _, port = address.partition(":")
        server: socketserver.BaseServer = socketserver.ThreadingTCPServer((host, int(port)), Http)
    else:
        pathlib.Path(address).unlink(missing_ok=True)
        handlers = {"libvirt": Libvirt, "ovs": Ovs, "nonsense": Nonsense}
        server = socketserver.ThreadingUnixStreamServer(address, handlers[kind])
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
