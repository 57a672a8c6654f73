package upstash

// From a URL and a token to an endpoint, with errors that never show a secret.

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"locktop/lockcore"
)

// Options say how to reach a database.
type Options struct {
	// URL is https://host[:port][/path]; http:// only where the host is loopback. It may carry the token as
	// its password, https://:TOKEN@host, and in no other way. Must be set.
	URL string
	// Token is what the console calls UPSTASH_REDIS_REST_TOKEN. Must be set, unless the URL carries one, which comes first.
	Token   string
	Timeout time.Duration // of each call, its retries included; defaults to DefaultTimeout
}

// DefaultTimeout is what a call may take.
const DefaultTimeout = 5 * time.Second

// TokenVariable is the environment variable that Upstash's console and SDKs name for the token.
const TokenVariable = "UPSTASH_REDIS_REST_TOKEN"

// endpoint is where requests go.
type endpoint struct {
	url   string // without secrets and without a slash at its end
	node  string // host:port
	token string
}

func refuseURL(format string, args ...any) (endpoint, error) {
	return endpoint{}, fmt.Errorf("%w: %s", lockcore.ErrInvalid, fmt.Sprintf(format, args...))
}

// parse reads the options. No error quotes anything of a URL before its host is known to be one,
// since what stands in a wrong place is a secret as likely as not.
func parse(o Options) (endpoint, error) {
	const form = "write https://host, and the token in " + TokenVariable
	u, err := url.Parse(o.URL)
	if err != nil {
		return refuseURL("the URL of the REST API cannot be read; %s", form)
	}
	switch u.Scheme {
	case "https", "http":
	case "redis", "rediss", "unix":
		return refuseURL("%s:// is an address of the Redis protocol and not of the REST API; %s", u.Scheme, form)
	default:
		return refuseURL("the URL of the REST API does not begin with https://; %s", form)
	}
	host, port := u.Hostname(), u.Port()
	if u.Opaque != "" || !isHost(host) {
		return refuseURL("the URL of the REST API has no host that can be read; %s", form)
	}
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strings.HasSuffix(u.Host, ":") {
		return refuseURL("the URL of the REST API has no port that can be read; %s", form)
	}
	e := endpoint{node: net.JoinHostPort(host, port), token: o.Token}
	e.url = u.Scheme + "://" + u.Host + strings.TrimRight(u.EscapedPath(), "/")
	where := u.Scheme + "://" + u.Host
	switch {
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(o.URL, "#"):
		return refuseURL("the URL of %s has something after its path; %s", where, form)
	case u.User != nil && u.User.Username() != "":
		return refuseURL("the URL of %s has a user name; the token goes where a password goes, https://:TOKEN@host, or in %s", where, TokenVariable)
	case u.Scheme == "http" && !isLoopback(host):
		return refuseURL("%s would send the token readable for everybody on the way; use https:// (http:// is for loopback only)", where)
	}
	if password, ok := u.User.Password(); ok && password != "" {
		e.token = password
	}
	return e, checkToken(e.token, where)
}

// checkToken refuses what cannot be a token, or would break out of the header that carries it.
func checkToken(token, where string) error {
	if token == "" {
		return fmt.Errorf("%w: there is no token for %s; set %s", lockcore.ErrInvalid, where, TokenVariable)
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return fmt.Errorf("%w: the token for %s has a space, a line break or another character that no token has; copy %s from the console again",
				lockcore.ErrInvalid, where, TokenVariable)
		}
	}
	return nil
}

// isHost tells whether this is a name or an address as DNS and certificates have them.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, r := range host {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_') {
			return false
		}
	}
	return host != ""
}

func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
