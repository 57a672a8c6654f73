package chaos_test

// Where the tests take place: a server behind a proxy, one for each transport.

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/embedded"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/lockcore/upstash"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the transports' time-out for one call. Nothing is decided by it: on a slow machine
// more outcomes are unknown.
const patience = 100 * time.Millisecond

// connection is what the tests need of a transport.
type connection interface {
	lockcore.Transport
	Do(ctx context.Context, args ...any) (any, error)
	Close() error
}

// site is a server, or several, behind proxies.
type site struct {
	t *testing.T
	// proxies stand before each server that lockcore's requests can get to. (A node of a cluster has to
	// announce its proxy's port for that: cluster-announce-port. The proxy can be started before it.)
	proxies []*locktest.Proxy
	// connect gives a connection through the proxies.
	connect func(timeout time.Duration) connection
	// operations is how many the storm is to have.
	operations int
	// stride is which bytes of a request and a reply are cut: every one, or every third…
	stride int
	// direct is a connection past the proxies.
	direct connection
	// keys are the locks of the storm.
	keys []string
	// clocked tells that masters fail here, and notes with them: moments are told by the clock.
	clocked bool
}

// fewLocks are the keys of the storm where it does not matter which.
var fewLocks = []string{"lock:0", "lock:1", "lock:2", "lock:3"}

// sites are the transports that everything here is done on.
var sites = []struct {
	name  string
	start func(*testing.T) *site
}{
	{"redis", func(t *testing.T) *site { return overRESP(t, locktest.StartRedis(t).Addr) }},
	{"embedded", func(t *testing.T) *site {
		srv, err := embedded.Start(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		return overRESP(t, srv.Addr())
	}},
	{"rest", func(t *testing.T) *site { return overREST(t, locktest.StartRedis(t).Addr) }},
	{"cluster", overCluster},
	{"sentinel", overSentinel},
}

// overCluster is a site with a cluster of one node, which tells everybody that it is where its proxy is.
func overCluster(t *testing.T) *site {
	node := locktest.StartClusterNode(t)
	s := overRESP(t, node.Addr)
	_, port, _ := strings.Cut(s.proxies[0].Addr, ":")
	if got := node.CLI("CONFIG", "SET", "cluster-announce-port", port); got != "OK" {
		t.Fatalf("CONFIG SET cluster-announce-port: %s", got)
	}
	s.connect = s.found(func(timeout time.Duration) resp.Options {
		return resp.Options{URL: s.proxies[0].URL() + "?pool_size=16", Timeout: timeout}
	})
	return s
}

// overSentinel is a site with one server, of which a sentinel says that it is where its proxy is.
func overSentinel(t *testing.T) *site {
	s := overRESP(t, locktest.StartRedis(t).Addr)
	_, port, _ := strings.Cut(s.proxies[0].Addr, ":")
	guard := locktest.StartGuard(t, port)
	s.connect = s.found(func(timeout time.Duration) resp.Options {
		return resp.Options{URL: guard.URL() + "?pool_size=16", Timeout: timeout, SentinelMaster: locktest.SentinelMaster}
	})
	return s
}

// found connects through something that says where the server is, and waits until it has: the test begins then.
func (s *site) found(options func(timeout time.Duration) resp.Options) func(time.Duration) connection {
	return func(timeout time.Duration) connection {
		c, err := resp.New(options(timeout))
		if err != nil {
			s.t.Fatal(err)
		}
		for limit := time.Now().Add(time.Minute); ; {
			if _, err = c.Read(context.Background(), [][]string{{"TIME"}}); err == nil && c.Redundant() {
				return c
			}
			if time.Now().After(limit) {
				s.t.Fatalf("the server is not found: %v", err)
			}
		}
	}
}

// overREST is a site with one server behind a REST API. The faults are between the client and that.
func overREST(t *testing.T, addr string) *site {
	api := locktest.StartREST(t, addr)
	p := locktest.StartProxy(t, strings.TrimPrefix(api.URL(), "http://"))
	s := overRESP(t, addr)
	s.proxies = []*locktest.Proxy{p}
	s.stride = 3 // most of it are headers
	s.connect = func(timeout time.Duration) connection {
		c, err := upstash.New(upstash.Options{URL: "http://" + p.Addr, Token: api.Token(), Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return s
}

// overRESP is a site with one server that speaks the Redis protocol.
func overRESP(t *testing.T, addr string) *site {
	p := locktest.StartProxy(t, addr)
	connect := func(url string, timeout time.Duration) connection {
		c, err := resp.New(resp.Options{URL: url, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	direct := connect("redis://"+addr+"/0?pool_size=16", time.Minute)
	t.Cleanup(func() { direct.Close() })
	return &site{
		t: t, operations: 10_000, stride: 1, keys: fewLocks, proxies: []*locktest.Proxy{p}, direct: direct,
		connect: func(timeout time.Duration) connection { return connect(p.URL(), timeout) },
	}
}

// do sends a command past the proxies. The second word is the key.
func (s *site) do(args ...any) any {
	s.t.Helper()
	got, err := s.direct.Do(context.Background(), args...)
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return got
}

// holder is the lock's owner by the server itself, empty if nobody holds it.
func (s *site) holder(key string) string {
	s.t.Helper()
	owner, _ := s.do("GET", key).(string)
	return owner
}

// inject gives each proxy a plan, for steps and for inspections.
func (s *site) inject(plan func(proxy int) locktest.Plan) {
	for i, p := range s.proxies {
		p.Inject(plan(i), "EVAL", "EVALSHA", "EXEC")
	}
}

// injected counts the faults of all proxies.
func (s *site) injected() map[locktest.Kind]int {
	all := map[locktest.Kind]int{}
	for _, p := range s.proxies {
		for k, n := range p.Injected() {
			all[k] += n
		}
	}
	return all
}

// settle ends all that is on its way: no request is executed after it.
func (s *site) settle() {
	s.t.Helper()
	for _, p := range s.proxies {
		p.Inject(nil)
		p.CutAll()
		p.Settle()
	}
}

// onEachSite runs a test on every transport.
func onEachSite(t *testing.T, test func(*testing.T, *site)) {
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s.start(t))
		})
	}
}
