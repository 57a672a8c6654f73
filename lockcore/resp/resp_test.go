package resp_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pair(t *testing.T, url string) error {
	t.Helper()
	client, err := resp.New(resp.Options{URL: url, Name: "locktop"})
	if err != nil {
		return err
	}
	defer client.Close()
	c, ctx := lockcore.New(client), context.Background()
	h, err := c.Acquire(ctx, "lock:a", "me", time.Minute, nil)
	if err != nil {
		return err
	}
	if l, err := c.Inspect(ctx, "lock:a"); err != nil || l.Fence != h.Fence {
		t.Errorf("acquired %+v, seen is %+v, %v", h, l, err)
	}
	_, err = c.Release(ctx, "lock:a", "me", nil)
	return err
}

func TestAUnixSocketAnACLUserAndADatabaseWork(t *testing.T) {
	srv := locktest.StartRedis(t)
	srv.CLI("ACL", "SETUSER", "worker", "on", ">s3cret/+", "~lock:*", "~locktop:*", "-@all", "+@read", "+@hash", "+@scripting",
		"+set", "+del", "+pexpire", "+pexpireat", "+time", "+hello", "+auth", "+select", "+multi", "+exec", "+client|setname")
	for _, u := range []string{
		srv.URL(),
		"unix://" + srv.Socket(),
		"unix://" + srv.Socket() + "?db=3",
		"redis://" + srv.Addr + "/5",
		"redis://worker:" + url.QueryEscape("s3cret/+") + "@" + srv.Addr + "/0",
	} {
		if err := pair(t, u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// TestTLS runs itself again with the test's certificate as the system's, as a user with a
// private certificate authority would set it.
func TestTLS(t *testing.T) {
	if u := os.Getenv("LOCKTOP_TEST_TLS_URL"); u != "" {
		if err := errors.Join(pair(t, u), hear(t, u)); err != nil {
			t.Error(err)
		}
		return
	}
	cert := locktest.NewCertificate(t)
	port := locktest.FreeAddr(t)
	locktest.StartRedis(t, "--tls-port", strings.TrimPrefix(port, "127.0.0.1:"), "--tls-cert-file", cert.CertFile,
		"--tls-key-file", cert.KeyFile, "--tls-auth-clients", "no")
	if err := pair(t, "rediss://"+port+"/0?skip_verify=true"); err != nil {
		t.Errorf("without verification: %v", err)
	}
	if err := hear(t, "rediss://"+port+"/0"); !errors.Is(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("who listens by a certificate that nobody vouches for gets %v", err)
	}
	if err := pair(t, "rediss://"+port+"/0"); !errors.Is(err, lockcore.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for is answered %v", err)
	}
	// A cluster tells its TLS ports to those who come by TLS.
	busPort, tlsPort := locktest.FreeAddr(t), locktest.FreeAddr(t)
	locktest.StartClusterNode(t, "--cluster-port", strings.TrimPrefix(busPort, "127.0.0.1:"), "--tls-cluster", "yes",
		"--tls-port", strings.TrimPrefix(tlsPort, "127.0.0.1:"), "--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile,
		"--tls-ca-cert-file", cert.CertFile, "--tls-auth-clients", "no")
	if err := pair(t, "rediss://"+locktest.FreeAddr(t)+","+tlsPort+"/0?skip_verify=true"); err != nil {
		t.Errorf("a cluster by TLS: %v", err)
	}
	again := exec.Command(os.Args[0], "-test.run=^TestTLS$")
	again.Env = append(os.Environ(), "SSL_CERT_FILE="+cert.CertFile, "LOCKTOP_TEST_TLS_URL=rediss://"+port+"/0")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("with the certificate trusted: %v\n%s", err, out)
	}
}

func TestWhatCannotBeReachedIsUnreachableAndNotUnknown(t *testing.T) {
	srv := locktest.StartRedis(t)
	for name, u := range map[string]string{
		"a port where nobody listens": "redis://" + locktest.FreeAddr(t) + "/0",
		"a socket that is not there":  "unix:///nowhere/redis.sock",
	} {
		if err := pair(t, u); !errors.Is(err, lockcore.ErrUnreachable) || errors.Is(err, lockcore.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := pair(t, "redis://nobody:s3cret@"+srv.Addr+"/0"); !errors.Is(err, lockcore.ErrRefused) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a wrong password: %v", err)
	}

	// Frozen before the connection is made, the server gets no request; after it, it gets one.
	client, err := resp.New(resp.Options{URL: srv.URL(), Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, ctx := lockcore.New(client), context.Background()
	srv.Freeze()
	_, err = c.Acquire(ctx, "lock:a", "me", time.Minute, nil)
	if !errors.Is(err, lockcore.ErrUnreachable) || errors.Is(err, lockcore.ErrUnknownOutcome) {
		t.Errorf("a server that does not greet: %v", err)
	}
	srv.Thaw()
	for {
		if _, err := c.Acquire(ctx, "lock:a", "me", time.Minute, nil); err == nil {
			break
		}
	}
	srv.Freeze()
	_, err = c.Release(ctx, "lock:a", "me", nil)
	if !errors.Is(err, lockcore.ErrUnknownOutcome) {
		t.Errorf("a server that froze after the connection was made: %v", err)
	}
	if _, err := c.Inspect(ctx, "lock:a"); !errors.Is(err, lockcore.ErrUnreachable) {
		t.Errorf("a read has no outcome to doubt: %v", err)
	}
	srv.Thaw()
}

// The proxy stands before a lone server, and before a cluster of one node that tells clients the proxy's port.
func TestWhatMayHaveBeenDoneIsNotSentAgain(t *testing.T) {
	for _, clustered := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			start := locktest.StartRedis
			if clustered {
				start = locktest.StartClusterNode
			}
			srv := start(t)
			proxy := locktest.StartProxy(t, srv.Addr)
			url := proxy.URL()
			if clustered {
				srv.CLI("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1")
				srv.CLI("CONFIG", "SET", "cluster-announce-port", strings.TrimPrefix(proxy.Addr, "127.0.0.1:"))
				url = "redis://" + locktest.FreeAddr(t) + "," + proxy.Addr
			}
			client := connect(t, resp.Options{URL: url, Timeout: time.Second})
			count := script(`return redis.call('INCR', KEYS[1])`)
			if _, err := client.Eval(context.Background(), count, []string{"n"}, nil); err != nil {
				t.Fatal(err)
			}
			proxy.LoseRepliesTo("evalsha", cut)
			_, err := client.Eval(context.Background(), count, []string{"n"}, nil)
			if !errors.Is(err, lockcore.ErrUnknownOutcome) {
				t.Errorf("clustered %v, cut %v: a lost reply is answered %v", clustered, cut, err)
			}
			if got := srv.CLI("GET", "n"); got != "2" || proxy.Lost() == 0 {
				t.Errorf("clustered %v, cut %v: done %s times, %d replies lost", clustered, cut, got, proxy.Lost())
			}
			proxy.LoseRepliesTo("", false)
			if _, err := client.Eval(context.Background(), count, []string{"n"}, nil); err != nil {
				t.Errorf("clustered %v, cut %v: the next one: %v", clustered, cut, err)
			}
		}
	}
}

func TestWrongURLsSaySoWithoutTheirSecrets(t *testing.T) {
	for _, u := range []string{
		"", "localhost:6379", "s3cret", "http://s3cret@host", "https://x:s3cret@eu1.upstash.io", "ftp://s3cret@host", "redis://:s3cret@host:notaport/0",
		"redis://:s3cret@host:1/notadb", "redis://:s3cret@ho st", "redis://user:s3cret%zz@host", "redis://host/0?unknown=s3cret", "\x1b]0;s3cret",
	} {
		_, err := resp.New(resp.Options{URL: u})
		if !errors.Is(err, lockcore.ErrInvalid) {
			t.Errorf("%q is answered %v", u, err)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q is answered with its secret: %v", u, err)
		}
	}
	if got := resp.Redacted("rediss://ann:s3cret@host:6380/2?skip_verify=true"); got != "rediss://ann@host:6380/2" {
		t.Errorf("redacted to %q", got)
	}
}

func FuzzNoURLGivesAwayItsPassword(f *testing.F) {
	for _, u := range []string{"redis://:%s@host/0", "redis://u:%s@h:1/x", "https://%s@h", "%s://x", "redis://%%zz:%s@h"} {
		f.Add(u)
	}
	const secret = "Sup3rS3cretXYZ"
	f.Fuzz(func(t *testing.T, form string) {
		if strings.Count(form, "%s") != 1 {
			return
		}
		before, after, _ := strings.Cut(form, "%s")
		// A password stands after "://user:" and before "@".
		scheme := strings.Index(before, "://")
		if scheme < 0 || !strings.Contains(before[scheme+3:], ":") || strings.ContainsAny(before[scheme+3:], "/?#@") || !strings.HasPrefix(after, "@") {
			return
		}
		u := before + secret + after
		if strings.Contains(resp.Redacted(u), secret) {
			t.Errorf("%q is redacted to %q", u, resp.Redacted(u))
		}
		client, err := resp.New(resp.Options{URL: u})
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q is answered %v", u, err)
		}
		if client != nil {
			client.Close()
		}
	})
}
