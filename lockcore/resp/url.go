package resp

// From a URL to connection options, with errors that never show a password.

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"locktop/lockcore"
)

// Options say how to reach a server.
type Options struct {
	// URL is redis://, rediss:// or unix://, with user, password and database; must be set. Several
	// hosts, parted by commas, are nodes of one cluster, or sentinels: redis://host:port,host:port/0.
	URL     string
	Timeout time.Duration // of each call; defaults to DefaultTimeout
	Name    string        // CLIENT SETNAME; defaults to none

	// SentinelMaster is the name of a master that Sentinel guards: the URL's hosts are sentinels
	// then, and its user, password and database are the master's. Defaults to none.
	SentinelMaster string
	// SentinelUser and SentinelPassword are the sentinels' own, which have nothing to do with the
	// master's; they default to sentinel_username and sentinel_password in the URL's query, else to none.
	SentinelUser, SentinelPassword string
}

// DefaultTimeout is what a call may take.
const DefaultTimeout = 5 * time.Second

// place is a URL understood.
type place struct {
	opt            redis.Options // of each server, but for its address
	seeds          []string      // host:port of what the URL names, or the path of a unix socket
	master         string        // that Sentinel guards; empty for none
	user, password string        // of the sentinels
}

func parse(o Options) (place, error) {
	scheme, _, ok := strings.Cut(o.URL, "://")
	switch {
	case !ok:
		return place{}, fmt.Errorf("%w: URL %q has no scheme; write redis://host:port/0, rediss:// for TLS, or unix:///path/to.sock",
			lockcore.ErrInvalid, Redacted(o.URL))
	case scheme == "http" || scheme == "https":
		return place{}, fmt.Errorf("%w: URL %q: this version speaks the Redis protocol only; use the rediss:// address of the same database",
			lockcore.ErrInvalid, Redacted(o.URL))
	case scheme != "redis" && scheme != "rediss" && scheme != "unix":
		return place{}, fmt.Errorf("%w: URL scheme %q; use redis://, rediss:// or unix://", lockcore.ErrInvalid, scheme)
	}
	p := place{master: o.SentinelMaster, user: o.SentinelUser, password: o.SentinelPassword}
	var opt *redis.Options
	urls := each(o.URL)
	for i, full := range urls {
		one, user, password := sentinelQuery(full)
		if p.user == "" && p.password == "" {
			p.user, p.password = user, password
		}
		parsed, err := redis.ParseURL(one)
		if err != nil {
			return place{}, fmt.Errorf("%w: URL %q cannot be read: %s", lockcore.ErrInvalid, Redacted(o.URL), whyNot(full, err))
		}
		if scheme != "unix" && !isHost(one, len(urls) > 1) {
			return place{}, fmt.Errorf("%w: URL %q: host %d of %d is none; write host:port,host:port", lockcore.ErrInvalid, Redacted(o.URL), i+1, len(urls))
		}
		if opt == nil {
			opt = parsed
		}
		if !slices.Contains(p.seeds, parsed.Addr) {
			p.seeds = append(p.seeds, parsed.Addr)
		}
	}
	if p.master != "" && scheme == "unix" {
		return place{}, fmt.Errorf("%w: URL %q: sentinels are reached by redis:// or rediss://, not by a socket", lockcore.ErrInvalid, Redacted(o.URL))
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
	opt.PipelinePoolSize = -1 // transactions use the same connections as everything else
	// Both would ask older servers for commands that they count as errors.
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	p.opt = *opt
	return p, nil
}

// options are those of the server with this address.
func (p *place) options(addr string) redis.Options {
	opt := p.opt
	opt.Addr = addr
	if host, _, err := net.SplitHostPort(addr); err == nil && !(opt.Network == "unix" && addr == p.seeds[0]) {
		opt.Network = "tcp"
		// A node that is known by a number is vouched for by the URL's name.
		if opt.TLSConfig != nil && net.ParseIP(host) == nil {
			opt.TLSConfig = opt.TLSConfig.Clone()
			opt.TLSConfig.ServerName = host
		}
	}
	return opt
}

// sentinelOptions are those of the sentinel with this address.
func (p *place) sentinelOptions(addr string) redis.Options {
	opt := p.options(addr)
	opt.Username, opt.Password, opt.DB = p.user, p.password, 0
	return opt
}

// authority is where the user and the hosts of a URL stand: raw[from:to], the hosts from at on.
func authority(raw string) (from, at, to int) {
	from = strings.Index(raw, "://") + len("://")
	to = len(raw)
	if i := strings.IndexAny(raw[from:], "/?#"); i >= 0 {
		to = from + i
	}
	return from, from + strings.LastIndexByte(raw[from:to], '@') + 1, to
}

// each gives a URL for each of its hosts. url.Parse takes no commas after a port.
func each(raw string) []string {
	if strings.HasPrefix(raw, "unix://") {
		return []string{raw}
	}
	_, at, to := authority(raw)
	var all []string
	for host := range strings.SplitSeq(raw[at:to], ",") {
		all = append(all, raw[:at]+strings.TrimSpace(host)+raw[to:])
	}
	return all
}

// isHost tells whether a URL's one host can be one. Where there are several, none may be left out.
func isHost(raw string, several bool) bool {
	u, err := url.Parse(raw)
	if err != nil || several && u.Hostname() == "" {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil || !strings.ContainsAny(u.Hostname(), ":; ")
}

// sentinelQuery takes from a URL what is said to sentinels, by the names that go-redis uses.
func sentinelQuery(raw string) (rest, user, password string) {
	before, query, ok := strings.Cut(raw, "?")
	if !ok {
		return raw, "", ""
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return raw, "", ""
	}
	user, password = q.Get("sentinel_username"), q.Get("sentinel_password")
	q.Del("sentinel_username")
	q.Del("sentinel_password")
	if len(q) == 0 {
		return before, user, password
	}
	return before + "?" + q.Encode(), user, password
}

// whyNot is what is wrong with a URL. Errors quote what they could not read, and that may be
// a password: so only those are passed on that come after the password was read as one.
func whyNot(raw string, err error) string {
	u, unreadable := url.Parse(raw)
	if _, _, to := authority(raw); unreadable != nil || strings.Contains(raw[to:], "@") {
		return "write scheme://user:password@host:port/database, special characters in the password as %XX"
	}
	if password, _ := u.User.Password(); password != "" {
		return strings.ReplaceAll(err.Error(), password, "…")
	}
	return err.Error()
}

// Redacted is the URL without password and query: safe to print, log and show.
func Redacted(raw string) string {
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok || !isScheme(scheme) {
		// What cannot be read cannot be told from a secret.
		return "…"
	}
	if scheme == "unix" {
		if u, err := url.Parse(raw); err == nil {
			return hidden(u)
		}
		return scheme + "://…"
	}
	if _, _, to := authority(raw); strings.Contains(raw[to:], "@") {
		return scheme + "://…" // a password with a / or ? in it, as likely as not
	}
	var hosts []string
	var first *url.URL
	for _, one := range each(raw) {
		u, err := url.Parse(one)
		if err != nil || u.Host == "" {
			return scheme + "://…"
		}
		if first == nil {
			first = u
		}
		hosts = append(hosts, u.Host)
	}
	first.Host = strings.Join(hosts, ",")
	return hidden(first)
}

// hidden is a URL without what may be secret.
func hidden(u *url.URL) string {
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
