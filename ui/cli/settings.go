package cli

// Flags that every command shares, their environment, and the check of both.

import (
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"locktop/lockcore"
	"locktop/lockcore/resp"
	"locktop/lockcore/upstash"
	"locktop/watcher"
	"locktop/watcher/makecom"
)

// defaultURL is where a Redis usually is.
const defaultURL = "redis://127.0.0.1:6379/0"

// sharedFlags are the flags as they were given.
type sharedFlags struct {
	url            string
	sentinelMaster string
	match          []string
	timeout        span
	operator       string
	retryMode      string
	retryInterval  span
	retryAttempts  count
	retryBatch     count
	maxTTL         span
	readOnly       bool
	notifications  bool
	contention     string
}

// settings are the flags and the environment, checked.
type settings struct {
	url            string
	token          string // of a REST API
	sentinelMaster string
	match          []string
	timeout        time.Duration
	operator       string
	query          watcher.Query // policy and limit, nothing left out
	readOnly       bool
	notifications  bool
	noLedger       bool
}

func (f *sharedFlags) register(to *pflag.FlagSet) {
	policy := makecom.DefaultPolicy
	f.timeout, f.retryInterval, f.maxTTL = span(resp.DefaultTimeout), span(policy.Interval), span(time.Hour)
	f.retryAttempts, f.retryBatch = count(policy.Attempts), count(policy.Batch)
	to.SortFlags = false
	to.StringVar(&f.url, "url", "", "the server's `URL`: redis://, rediss://, unix://, or https:// for a\nREST API; else LOCKTOP_URL, REDIS_URL, UPSTASH_REDIS_REST_URL with\nUPSTASH_REDIS_REST_TOKEN, "+defaultURL)
	to.StringVar(&f.sentinelMaster, "sentinel-master", "", "the `name` of the master that the sentinels of --url guard")
	to.StringArrayVar(&f.match, "match", []string{"lock:*"}, "a Redis `pattern` of what is a lock; repeatable")
	to.Var(&f.timeout, "timeout", "of each call")
	to.StringVar(&f.operator, "operator", "", "the `name` of who forces a release (default user@host)")
	to.BoolVar(&f.readOnly, "read-only", false, "refuse everything that writes")
	to.BoolVar(&f.notifications, "enable-notifications", false, "add to the server's setting what watching lacks")
	to.StringVar(&f.contention, "contention", "auto", "the `source` of denials: auto, ledger, off")
	to.Var(&f.maxTTL, "max-ttl", "a lock with a longer TTL counts as stuck")
	to.StringVar(&f.retryMode, "retry-mode", string(policy.Mode), "the `mode` of retries: sequential, batch, parallel")
	to.Var(&f.retryInterval, "retry-interval", "from a denial to the retry")
	to.Var(&f.retryAttempts, "retry-attempts", "retries after the first try")
	to.Var(&f.retryBatch, "retry-batch", "retries at a time, in batch mode")
}

// settings checks everything, also what the command at hand has no use for: a wrong value is
// a mistake wherever it stands.
func (e *env) settings(f *sharedFlags) (*settings, error) {
	s := &settings{
		match: f.match, timeout: time.Duration(f.timeout), operator: f.operator, readOnly: f.readOnly, notifications: f.notifications,
	}
	if err := e.url(f, s); err != nil {
		return nil, err
	}
	if s.timeout <= 0 {
		return nil, usage("--timeout %s: it must be more than 0", s.timeout)
	}
	for _, pattern := range s.match {
		if pattern == "" {
			return nil, usage("--match is empty; give a pattern of lock names, such as 'lock:*'")
		}
		if strings.HasPrefix(pattern, lockcore.LedgerPrefix) {
			return nil, usage("--match %q: keys that start with %s are locktop's own records, not locks", pattern, lockcore.LedgerPrefix)
		}
	}
	if s.operator == "" {
		s.operator = e.userAtHost()
	}
	if len(s.operator) > lockcore.MaxOperator {
		return nil, usage("--operator has %d bytes; at most %d are allowed", len(s.operator), lockcore.MaxOperator)
	}
	mode, err := makecom.ParseMode(f.retryMode)
	if err != nil {
		return nil, usage("--retry-mode: %v", err)
	}
	s.query.Policy = makecom.Policy{
		Mode: mode, Interval: time.Duration(f.retryInterval), Attempts: int(f.retryAttempts), Batch: int(f.retryBatch),
	}
	if err := s.query.Policy.Validate(); err != nil {
		what := strings.Fields(err.Error()) // "retry interval …"
		return nil, usage("--%s-%s: %v", what[0], what[1], err)
	}
	if s.query.MaxTTL = time.Duration(f.maxTTL); s.query.MaxTTL <= 0 {
		return nil, usage("--max-ttl %s: it must be more than 0", s.query.MaxTTL)
	}
	switch f.contention {
	case "auto", "ledger":
	case "off":
		s.noLedger = true
	case "monitor":
		return nil, usage("--contention monitor: this version cannot read contention from MONITOR; use auto, ledger or off")
	default:
		return nil, usage("--contention %q: must be auto, ledger or off", f.contention)
	}
	return s, nil
}

// restURLVariable names a REST API where nothing else names a server, with upstash.TokenVariable beside it.
const restURLVariable = "UPSTASH_REDIS_REST_URL"

// url finds the server's address, and refuses one that cannot be read. What could hold a
// password is never quoted.
func (e *env) url(f *sharedFlags, s *settings) error {
	s.url, s.token, s.sentinelMaster = f.url, e.getenv(upstash.TokenVariable), f.sentinelMaster
	from := "--url"
	for _, name := range []string{"LOCKTOP_URL", "REDIS_URL", restURLVariable} {
		if s.url == "" {
			s.url, from = e.getenv(name), name
		}
	}
	if s.url == "" {
		s.url, from = defaultURL, "the default"
	}
	if from == restURLVariable && !isREST(s.url) {
		return usage("%s: a REST API begins with https://; give an address of the Redis protocol by --url or LOCKTOP_URL", from)
	}
	if s.sentinelMaster != "" && isREST(s.url) {
		return usage("--sentinel-master: sentinels speak the Redis protocol, and %s names a REST API; leave one of them out", from)
	}
	client, err := s.dial()
	if err != nil {
		return usage("%s: %s", from, strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	client.Close()
	return nil
}

func (e *env) userAtHost() string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	for _, from := range []string{"USER", "LOGNAME", "USERNAME"} {
		if name == "" {
			name = e.getenv(from)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	parts := slices.DeleteFunc([]string{name, host}, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "unknown"
	}
	who := strings.Join(parts, "@")
	return who[:min(len(who), lockcore.MaxOperator)]
}

// writing refuses a command that writes under --read-only.
func (s *settings) writing(command string) error {
	if s.readOnly {
		return usage("%s writes, and --read-only refuses that; leave one of them out", command)
	}
	return nil
}

// key reads the argument that names the lock.
func key(given string) (string, error) {
	k, err := bytesOf("key", given)
	if err != nil {
		return "", err
	}
	if err := lockcore.CheckKey(k); err != nil {
		return "", usage("%s", strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	return k, nil
}

// owner reads a flag that names an owner.
func owner(flag, given string) (string, error) {
	if given == "" {
		return "", usage("%s is missing: say whose hold is meant", flag)
	}
	o, err := bytesOf(flag, given)
	if err != nil {
		return "", err
	}
	if err := lockcore.CheckOwner(o); err != nil {
		return "", usage("%s: %s", flag, strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	return o, nil
}

// ttl checks a TTL that is going to be sent.
func ttl(given span) (time.Duration, error) {
	if given == 0 {
		return 0, usage("--ttl is missing or 0: say for how long, as in --ttl 15s")
	}
	if err := lockcore.CheckTTL(time.Duration(given)); err != nil {
		return 0, usage("--ttl: %s", strings.TrimPrefix(err.Error(), lockcore.ErrInvalid.Error()+": "))
	}
	return time.Duration(given), nil
}
