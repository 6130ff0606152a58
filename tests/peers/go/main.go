// A peer for the tests: Go's crypto/tls as a client or as a server, TLS 1.2 and 1.3, on loopback.
//
// Both modes print what they see, one "name=value" a line. The client sends -say, reads as many bytes back, and closes;
// with -times it comes back so often, with the sessions that it has by then.
// The server prints "listening=ADDRESS", then echoes every connection to its end, one after the other.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

var (
	address  = flag.String("address", "127.0.0.1:0", "whom to connect to, or where to listen")
	name     = flag.String("name", "", "the server's name")
	roots    = flag.String("roots", "", "a PEM file of authorities for the peer's certificate")
	cert     = flag.String("cert", "", "a PEM file of our chain")
	key      = flag.String("key", "", "a PEM file of our key")
	curves   = flag.String("curves", "", "groups by name, all of Go's defaults if empty")
	alpn     = flag.String("alpn", "", "application protocols")
	keyLog   = flag.String("keylog", "", "a file for the secrets")
	clients  = flag.String("clients", "", "server: request or require client certificates")
	say      = flag.Int("say", 1000, "client: how many bytes to send and to get back")
	times    = flag.Int("times", 1, "client: how often to connect")
	noTicket = flag.Bool("noticket", false, "neither send nor take session tickets")
	maximum  = flag.String("max", "", "1.2: nothing newer; 1.1: that alone")
	staple   = flag.String("staple", "", "server: a file with an OCSP response")
	sct      = flag.String("sct", "", "server: signed certificate timestamps in hexadecimal, with commas between")
	exporter = flag.String("exporter", "", "a label to export 42 bytes with")
)

var groups = map[string]tls.CurveID{
	"X25519MLKEM768":     tls.X25519MLKEM768,
	"SecP256r1MLKEM768":  tls.SecP256r1MLKEM768,
	"SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024,
	"MLKEM1024":          tls.MLKEM1024,
	"X25519":             tls.X25519,
	"P-256":              tls.CurveP256,
	"P-384":              tls.CurveP384,
}

func fail(err error) {
	fmt.Printf("error=%v\n", err)
	os.Exit(1)
}

func config() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: *name, SessionTicketsDisabled: *noTicket}
	if *times > 1 {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
	switch *maximum {
	case "1.2":
		config.MaxVersion = tls.VersionTLS12
	case "1.1":
		config.MinVersion, config.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	}
	if *roots != "" {
		pem, err := os.ReadFile(*roots)
		if err != nil {
			fail(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
		config.ClientCAs = config.RootCAs
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			fail(err)
		}
		if *staple != "" {
			if pair.OCSPStaple, err = os.ReadFile(*staple); err != nil {
				fail(err)
			}
		}
		for _, text := range strings.FieldsFunc(*sct, func(r rune) bool { return r == ',' }) {
			timestamp, err := hex.DecodeString(text)
			if err != nil {
				fail(err)
			}
			pair.SignedCertificateTimestamps = append(pair.SignedCertificateTimestamps, timestamp)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	for _, curve := range strings.FieldsFunc(*curves, func(r rune) bool { return r == ',' }) {
		config.CurvePreferences = append(config.CurvePreferences, groups[curve])
	}
	if *alpn != "" {
		config.NextProtos = strings.Split(*alpn, ",")
	}
	if *keyLog != "" {
		file, err := os.Create(*keyLog)
		if err != nil {
			fail(err)
		}
		config.KeyLogWriter = file
	}
	switch *clients {
	case "request":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case "require":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// tell prints what was negotiated.
func tell(conn *tls.Conn) {
	state := conn.ConnectionState()
	subject := ""
	if len(state.PeerCertificates) > 0 {
		subject = state.PeerCertificates[0].Subject.CommonName
	}
	fmt.Printf("version=%s\nsuite=%s\ngroup=%s\n", tls.VersionName(state.Version),
		tls.CipherSuiteName(state.CipherSuite), state.CurveID)
	fmt.Printf("staple=%d\n", len(state.OCSPResponse))
	fmt.Printf("unique=%x\n", state.TLSUnique)
	timestamps := make([]string, len(state.SignedCertificateTimestamps))
	for index, timestamp := range state.SignedCertificateTimestamps {
		timestamps[index] = hex.EncodeToString(timestamp)
	}
	fmt.Printf("timestamps=%s\n", strings.Join(timestamps, ","))
	fmt.Printf("alpn=%s\nserver_name=%s\npeer=%s\nresumed=%v\n", state.NegotiatedProtocol, state.ServerName,
		subject, state.DidResume)
	if *exporter != "" {
		exported, err := state.ExportKeyingMaterial(*exporter, []byte("context"), 42)
		if err != nil {
			fail(err)
		}
		fmt.Printf("exported=%s\n", hex.EncodeToString(exported))
	}
}

func client(config *tls.Config) {
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", *address, config)
	if err != nil {
		fail(err)
	}
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	tell(conn)
	sent := bytes.Repeat([]byte("0123456789abcde\n"), *say/16+1)[:*say]
	written := make(chan error)
	go func() {
		_, err := conn.Write(sent)
		if err == nil {
			err = conn.CloseWrite()
		}
		written <- err
	}()
	received, err := io.ReadAll(conn)
	if err != nil {
		fail(err)
	}
	if err := <-written; err != nil {
		fail(err)
	}
	fmt.Printf("same=%v\n", sha256.Sum256(received) == sha256.Sum256(sent))
}

func server() {
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		fail(err)
	}
	fmt.Printf("listening=%s\n", listener.Addr())
	config := config()
	for {
		socket, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		echo(tls.Server(socket, config))
	}
}

func echo(conn *tls.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	if err := conn.Handshake(); err != nil {
		fmt.Printf("refused=%v\n", err)
		return
	}
	tell(conn)
	count, err := io.Copy(conn, conn)
	fmt.Printf("echoed=%d %v\n", count, err)
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("say client or server"))
	}
	flag.CommandLine.Parse(os.Args[2:])
	if os.Args[1] == "client" {
		for config := config(); *times > 0; *times-- {
			client(config)
		}
	} else {
		server()
	}
}
