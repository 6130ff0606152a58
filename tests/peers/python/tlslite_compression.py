"""A peer for the tests: tlslite-ng with compressed certificates, as a client or as a server on loopback, TLS 1.3.

client PORT ALGORITHM CERT KEY    shows its certificate if it is asked for one
server ALGORITHM CERT KEY         prints its port, then serves one connection, and asks for a certificate

Both compress with ALGORITHM (zlib, brotli) and take nothing else, print how both certificates travelled, and send one
message there and back.
"""

import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey


def settings(algorithm):
    it = HandshakeSettings()
    it.minVersion = it.maxVersion = (3, 4)
    it.certificate_compression_send = it.certificate_compression_receive = [algorithm]
    return it


def own(certificate, key):
    chain = X509CertChain()
    chain.parsePemList(open(certificate).read())
    return chain, parsePEMKey(open(key).read(), private=True)


def tell(tls):
    print("compressed", tls.server_cert_compression_algo, tls.client_cert_compression_algo, flush=True)


def client(port, algorithm, certificate, key):
    tls = TLSConnection(socket.create_connection(("127.0.0.1", int(port)), 60))
    chain, private_key = own(certificate, key)
    tls.handshakeClientCert(chain, private_key, serverName="server.test", settings=settings(algorithm))
    tell(tls)
    tls.write(b"there and back\n")
    assert bytes(tls.read(max=15, min=15)) == b"there and back\n"
    tls.close()
    print("done", flush=True)


def server(algorithm, certificate, key):
    chain, private_key = own(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        sock, _ = listener.accept()
    sock.settimeout(60)
    tls = TLSConnection(sock)
    tls.handshakeServer(certChain=chain, privateKey=private_key, settings=settings(algorithm), reqCert=True)
    tell(tls)
    while data := tls.read(max=65536, min=1):
        tls.write(data)
    tls.close()
    print("done", flush=True)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
