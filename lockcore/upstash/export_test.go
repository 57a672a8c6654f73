package upstash

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust makes the client accept a test's certificate.
func (c *Client) Trust(pool *x509.CertPool) {
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}

// Bearer is the token that the client sends.
func (c *Client) Bearer() string { return c.endpoint.token }

// The decoder, for tests that give it any bytes.
var (
	ReadOne  = readOne
	ReadMany = readMany
)

// SyncToken keeps the newest token.
type SyncToken struct{ s syncToken }

func (t *SyncToken) Send() (string, uint64)                       { return t.s.send() }
func (t *SyncToken) Learn(token string, sent uint64, isRead bool) { t.s.learn(token, sent, isRead) }

// Through makes the client send by something else than net/http's transport.
func (c *Client) Through(rt http.RoundTripper) { c.http.Transport = rt }
