"""A peer for the tests: tlslite-ng, TLS in Python alone, as a client or as a server on loopback.

In TLS 1.3, or in TLS 1.2 if the environment variable PEER_VERSION is 1.2; without extended master secret if NO_EMS is set.

client PORT CURVE SIZE   CURVE is the group of its key share, SIZE its record_size_limit; 0 for its defaults
server CERT KEY [ask]    prints its port, then echoes each connection; asks for a client certificate if told to

Both print what was negotiated, change their keys in the middle if they can, and close in good order.
"""

import os
import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

IS_TLS12 = os.environ.get("PEER_VERSION") == "1.2"
MESSAGE = b"".join(b"%015d\n" % number for number in range(2000))


def settings():
    it = HandshakeSettings()
    it.minVersion = it.maxVersion = (3, 3) if IS_TLS12 else (3, 4)
    it.useExtendedMasterSecret = "NO_EMS" not in os.environ
    return it


def update_keys(tls, ask_peer):
    if IS_TLS12:
        return
    for _ in tls.send_keyupdate_request(1 if ask_peer else 0):
        pass


def read_exactly(tls, count):
    return bytes(tls.read(max=count, min=count))


def client(port, curve, size):
    own = settings()
    if curve != "0":
        own.keyShares = [curve]
    if size != "0":
        own.record_size_limit = int(size)
    tls = TLSConnection(socket.create_connection(("127.0.0.1", int(port)), 60))
    tls.handshakeClientCert(serverName="server.test", settings=own, alpn=[b"other", b"tlslite"])
    print("negotiated", tls.version, tls.getCipherName(), bytes(tls.session.appProto), flush=True)
    for ask_peer in (True, False):
        tls.write(MESSAGE)
        update_keys(tls, ask_peer)
        assert read_exactly(tls, len(MESSAGE)) == MESSAGE
    tls.close()
    print("done", flush=True)


def server(certificate, key, ask=None):
    chain = X509CertChain()
    chain.parsePemList(open(certificate).read())
    private_key = parsePEMKey(open(key).read(), private=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            sock.settimeout(60)
            tls = TLSConnection(sock)
            tls.handshakeServer(certChain=chain, privateKey=private_key, settings=settings(), reqCert=ask == "ask")
            shown = len(tls.session.clientCertChain.x509List) if tls.session.clientCertChain else 0
            print("negotiated", tls.version, tls.getCipherName(), shown, flush=True)
            while data := tls.read(max=65536, min=1):
                tls.write(data)
                update_keys(tls, True)
            tls.close()
            print("done", flush=True)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
