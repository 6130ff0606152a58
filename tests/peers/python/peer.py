"""A peer for the tests: Python's ssl module as a client or as a server, on loopback.

In TLS 1.3, or in TLS 1.2 if the environment variable PEER_VERSION is 1.2.

client ADDRESS PORT NAME ROOTS [CERT KEY]   sends a message, gets it back, closes in good order
server ROOTS|- CERT KEY                     prints its port, then echoes each connection, one after the other

Both print what was negotiated as one line: version, suite, application protocol, common name of the peer; and as another
whether a session was reused. With PEER_TIMES a client comes so often, each time with the session of the last. With
PEER_NO_TICKET it takes no tickets in TLS 1.2, and a server keeps its sessions and sends their names.
"""

import os
import socket
import ssl
import sys

PATIENCE = 60
VERSION = ssl.TLSVersion.TLSv1_2 if os.environ.get("PEER_VERSION") == "1.2" else ssl.TLSVersion.TLSv1_3
TIMES = int(os.environ.get("PEER_TIMES", "1"))
MESSAGE = b"".join(b"%015d\n" % number for number in range(20000))


def tell(tls):
    subject = dict(pair[0] for pair in (tls.getpeercert() or {}).get("subject", ()))
    print(tls.version(), tls.cipher()[0], tls.selected_alpn_protocol(), subject.get("commonName"), flush=True)
    print("reused", tls.session_reused, flush=True)


def client(address, port, name, roots, *identity):
    context = ssl.create_default_context(cafile=roots)
    context.minimum_version = context.maximum_version = VERSION
    context.set_alpn_protocols(["other", "python"])
    set_tickets(context)
    if identity:
        context.load_cert_chain(*identity)
    session = None
    for _ in range(TIMES):
        with socket.create_connection((address, int(port)), PATIENCE) as sock:
            with context.wrap_socket(sock, server_hostname=name, session=session) as tls:
                tell(tls)
                exchange(tls)
                session = tls.session
                tls.unwrap()
                print("done", flush=True)


def exchange(tls):
    received = b""
    for start in range(0, len(MESSAGE), 50000):
        part = MESSAGE[start : start + 50000]
        tls.sendall(part)
        while len(received) < start + len(part):
            received += tls.recv(65536)
    assert received == MESSAGE


def set_tickets(context):
    if "PEER_NO_TICKET" in os.environ:
        context.options |= ssl.OP_NO_TICKET


def server(roots, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSION
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["python"])
    set_tickets(context)
    if roots != "-":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(roots)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
            try:
                with context.wrap_socket(sock, server_side=True) as tls:
                    tell(tls)
                    while data := tls.recv(65536):
                        tls.sendall(data)
                    tls.unwrap()
            except OSError as error:
                print("refused", error, flush=True)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
