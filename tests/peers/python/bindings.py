"""A peer for the tests: Python's ssl module tells the channel bindings of its connections, on loopback.

client VERSION PORT ROOTS         connects twice, the second time with the session of the first
server VERSION CERTIFICATE KEY    prints its port, then serves two connections

For each connection prints one line: "bindings", whether the session was reused, tls-unique as the module has it (TLS 1.2
alone), and tls-server-end-point, the SHA-256 of the server's certificate. One byte goes there and back.
"""

import hashlib
import socket
import ssl
import sys

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def tell(tls, certificate):
    unique = tls.get_channel_binding("tls-unique").hex() if tls.version() == "TLSv1.2" else "none"
    print("bindings", tls.session_reused, unique, hashlib.sha256(certificate).hexdigest(), flush=True)


def client(version, port, roots):
    context = ssl.create_default_context(cafile=roots)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    session = None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", int(port)), 60) as sock:
            with context.wrap_socket(sock, server_hostname="server.test", session=session) as tls:
                tls.sendall(b".")
                assert tls.recv(1) == b"."
                tell(tls, tls.getpeercert(binary_form=True))
                session = tls.session
                tls.unwrap()


def server(version, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.load_cert_chain(certificate, key)
    der = ssl.PEM_cert_to_DER_cert(open(certificate).read())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        for _ in range(2):
            sock, _ = listener.accept()
            sock.settimeout(60)
            with context.wrap_socket(sock, server_side=True) as tls:
                tls.sendall(tls.recv(1))
                tell(tls, der)
                tls.unwrap()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
