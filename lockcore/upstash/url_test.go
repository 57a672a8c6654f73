package upstash_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/upstash"
)

func TestWhatIsAURL(t *testing.T) {
	for _, c := range []struct {
		url, token      string // as given
		shown, node     string // empty: refused
		says            string // in the refusal
		passwordIsToken bool
	}{
		{url: "https://eu1-x.upstash.io", token: "t", shown: "https://eu1-x.upstash.io", node: "eu1-x.upstash.io:443"},
		{url: "https://eu1-x.upstash.io/", token: "t", shown: "https://eu1-x.upstash.io", node: "eu1-x.upstash.io:443"},
		{url: "HTTPS://host:8443/base/path//", token: "t", shown: "https://host:8443/base/path", node: "host:8443"},
		{url: "https://[2001:db8::1]:9", token: "t", shown: "https://[2001:db8::1]:9", node: "[2001:db8::1]:9"},
		{url: "https://:s3cret@host", shown: "https://host", node: "host:443", passwordIsToken: true},
		{url: "https://:s3cret@host", token: "other", shown: "https://host", node: "host:443", passwordIsToken: true},
		{url: "https://:s3cret%2F%3D@host", shown: "https://host", node: "host:443"},
		{url: "https://:@host", token: "t", shown: "https://host", node: "host:443"},
		{url: "http://127.0.0.1:8079", token: "t", shown: "http://127.0.0.1:8079", node: "127.0.0.1:8079"},
		{url: "http://127.8.9.10", token: "t", shown: "http://127.8.9.10", node: "127.8.9.10:80"},
		{url: "http://[::1]:8079", token: "t", shown: "http://[::1]:8079", node: "[::1]:8079"},
		{url: "http://[::ffff:127.0.0.1]", token: "t", shown: "http://[::ffff:127.0.0.1]", node: "[::ffff:127.0.0.1]:80"},
		{url: "http://LocalHost/srh", token: "t", shown: "http://LocalHost/srh", node: "LocalHost:80"},

		{url: "http://host", token: "s3cret", says: "use https://"},
		{url: "http://10.0.0.1:8079", token: "s3cret", says: "use https://"},
		{url: "http://0.0.0.0:8079", token: "s3cret", says: "use https://"},
		{url: "http://127.1", token: "s3cret", says: "use https://"},
		{url: "http://localhost.example.com", token: "s3cret", says: "use https://"},
		{url: "http://:s3cret@127.0.0.1.example.com", says: "use https://"},
		{url: "https://s3cret@host", says: "user name"},
		{url: "https://default:s3cret@host", says: "user name"},
		{url: "https://s3cret:@host", token: "s3cret", says: "user name"},
		{url: "https://host?_token=s3cret", token: "s3cret", says: "after its path"},
		{url: "https://host?", token: "s3cret", says: "after its path"},
		{url: "https://host#s3cret", token: "s3cret", says: "after its path"},
		{url: "https://host#", token: "s3cret", says: "after its path"},
		{url: "https://host", says: "UPSTASH_REDIS_REST_TOKEN"},
		{url: "https://:@host", says: "UPSTASH_REDIS_REST_TOKEN"},
		{url: "https://host", token: "s3cret with spaces", says: "UPSTASH_REDIS_REST_TOKEN"},
		{url: "https://host", token: " s3cret", says: "no token has"},
		{url: "https://host", token: "s3cret\n", says: "no token has"},
		{url: "https://host", token: "s3cret\r\nX-Other: 1", says: "no token has"},
		{url: "https://host", token: "s3cret\x00", says: "no token has"},
		{url: "https://host", token: "s3cret\x1b[0m", says: "no token has"},
		{url: "https://host", token: "s3crét", says: "no token has"},
		{url: "https://:s3cret%0d%0a@host", says: "no token has"},
		{url: "", token: "s3cret", says: "https://"},
		{url: "s3cret", token: "t", says: "https://"},
		{url: "s3cret:x", token: "t", says: "https://"},
		{url: "host:443", token: "s3cret", says: "https://"},
		{url: "https:host", token: "s3cret", says: "no host"},
		{url: "https://", token: "s3cret", says: "no host"},
		{url: "https:///path", token: "s3cret", says: "no host"},
		{url: "https://s3cret=/x", token: "t", says: "no host"},
		{url: "https://höst", token: "s3cret", says: "no host"},
		{url: "https://:s3cret@", token: "t", says: "no host"},
		{url: "https://host:", token: "s3cret", says: "no port"},
		{url: "https://host:0", token: "s3cret", says: "no port"},
		{url: "https://host:65536", token: "s3cret", says: "no port"},
		{url: "https://host:s3cret", token: "t", says: "cannot be read"},
		{url: "https://:s3cret@host:x", token: "t", says: "cannot be read"},
		{url: "https://:s3cret%zz@host", token: "t", says: "cannot be read"},
		{url: "https://:s3cret@ho st", token: "t", says: "cannot be read"},
		{url: "\x1b]0;s3cret", token: "t", says: "cannot be read"},
		{url: "redis://:s3cret@host:6379/0", token: "t", says: "redis:// is an address of the Redis protocol"},
		{url: "rediss://default:s3cret@host", token: "t", says: "rediss:// is an address"},
		{url: "unix:///s3cret.sock", token: "t", says: "unix:// is an address"},
		{url: "ftp://:s3cret@host", token: "t", says: "https://"},
	} {
		client, err := upstash.New(upstash.Options{URL: c.url, Token: c.token})
		if c.shown == "" {
			if !errors.Is(err, lockcore.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q with token %q is answered %v; it should say %q", c.url, c.token, err, c.says)
			} else if strings.Contains(err.Error(), "s3cr") || strings.ContainsAny(err.Error(), "\x1b\r\n\x00") {
				t.Errorf("%q with token %q is answered with its secret: %q", c.url, c.token, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q is refused: %v", c.url, err)
			continue
		}
		if client.URL() != c.shown || client.Node() != c.node {
			t.Errorf("%q is shown as %q on %q, not as %q on %q", c.url, client.URL(), client.Node(), c.shown, c.node)
		}
		if c.passwordIsToken && client.Bearer() != "s3cret" {
			t.Errorf("%q has another token than its password", c.url)
		}
		client.Close()
	}
}

func TestATokenInTheURLMayBeEscaped(t *testing.T) {
	client, err := upstash.New(upstash.Options{URL: "https://:AXa%2Fb%2Bc%3D@host"})
	if err != nil || client.Bearer() != "AXa/b+c=" {
		t.Fatalf("read as %v", err)
	}
	client.Close()
}

func FuzzURL(f *testing.F) {
	for _, u := range []string{"https://:%s@host", "https://%s@host", "http://:%s@127.0.0.1:1/x", "%s", "https://host/?_token=%s", "https://:%s%%zz@h", "redis://:%s@h", "https://[::1%%25x]:%s@h"} {
		f.Add(u)
	}
	const secret = "Sup3rS3cretXYZ"
	f.Fuzz(func(t *testing.T, form string) {
		before, after, ok := strings.Cut(form, "%s")
		if !ok {
			before, after = form, ""
		}
		raw := before + secret + after
		client, err := upstash.New(upstash.Options{URL: raw, Token: "t0ken"})
		if err != nil {
			// A host or a path may be quoted; what stands before an @ or after a ? never is.
			u, unreadable := url.Parse(raw)
			inTheOpen := unreadable == nil && u.Opaque == "" && strings.Contains(u.Host, secret)
			if !errors.Is(err, lockcore.ErrInvalid) || strings.Contains(err.Error(), secret) && !inTheOpen {
				t.Fatalf("%q is answered %v", raw, err)
			}
			return
		}
		defer client.Close()
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			t.Fatalf("%q is taken for a URL: %v", raw, err)
		}
		if host := u.Hostname(); u.Scheme == "http" && !strings.EqualFold(host, "localhost") && !strings.HasPrefix(host, "127.") && !strings.Contains(host, ":") {
			t.Errorf("%q would send the token in the open", raw)
		}
		shown, err := url.Parse(client.URL())
		if err != nil || shown.Host != u.Host || shown.User != nil || shown.RawQuery != "" {
			t.Errorf("%q is shown as %q", raw, client.URL())
		}
		if u.User != nil && strings.Contains(u.User.String(), secret) && strings.Contains(client.URL(), secret) &&
			!strings.Contains(u.Host, secret) && !strings.Contains(u.Path, secret) {
			t.Errorf("%q is shown with its secret: %q", raw, client.URL())
		}
		if token := client.Bearer(); strings.ContainsAny(token, " \r\n\t\x00") || token == "" {
			t.Errorf("%q has the token %q", raw, token)
		}
	})
}
