package resp

// From a URL to connection options, with errors that never show a password.

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"locktop/lockcore"
)

// Options say how to reach a server.
type Options struct {
	URL     string        // redis://, rediss:// or unix://, with user, password and database; must be set
	Timeout time.Duration // of each call; defaults to DefaultTimeout
	Name    string        // CLIENT SETNAME; defaults to none
}

// DefaultTimeout is what a call may take.
const DefaultTimeout = 5 * time.Second

func parse(o Options) (*redis.Options, error) {
	scheme, _, ok := strings.Cut(o.URL, "://")
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: URL %q has no scheme; write redis://host:port/0, rediss:// for TLS, or unix:///path/to.sock",
			lockcore.ErrInvalid, Redacted(o.URL))
	case scheme == "http" || scheme == "https":
		return nil, fmt.Errorf("%w: URL %q: this version speaks the Redis protocol only; use the rediss:// address of the same database",
			lockcore.ErrInvalid, Redacted(o.URL))
	case scheme != "redis" && scheme != "rediss" && scheme != "unix":
		return nil, fmt.Errorf("%w: URL scheme %q; use redis://, rediss:// or unix://", lockcore.ErrInvalid, scheme)
	}
	opt, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: URL %q cannot be read: %s", lockcore.ErrInvalid, Redacted(o.URL), whyNot(o.URL, err))
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout, opt.PoolTimeout = timeout, timeout, timeout, timeout
	opt.DialerRetries = 1
	opt.ContextTimeoutEnabled = true
	opt.MaxRetries = -1
	opt.ClientName = o.Name
	opt.Protocol = 2
	// Both would ask older servers for commands that they count as errors.
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return opt, nil
}

// whyNot is what is wrong with a URL. Errors quote what they could not read, and that may be
// a password: so only those are passed on that come after the password was read as one.
func whyNot(raw string, err error) string {
	u, unreadable := url.Parse(raw)
	if unreadable != nil {
		return "write scheme://user:password@host:port/database, special characters in the password as %XX"
	}
	if password, _ := u.User.Password(); password != "" {
		return strings.ReplaceAll(err.Error(), password, "…")
	}
	return err.Error()
}

// Redacted is the URL without password and query: safe to print, log and show.
func Redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" && u.Scheme != "unix" {
		// What cannot be read cannot be told from a secret, except for its scheme.
		if scheme, _, ok := strings.Cut(raw, "://"); ok && isScheme(scheme) {
			return scheme + "://…"
		}
		return "…"
	}
	if u.User != nil {
		name := u.User.Username()
		if _, ok := u.User.Password(); !ok {
			name = "…" // a password in the wrong place, as likely as not
		}
		u.User = url.User(name)
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.ReplaceAll(u.String(), "%E2%80%A6", "…")
}

func isScheme(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z') {
			return false
		}
	}
	return s != ""
}
