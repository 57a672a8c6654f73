package keyspace_test

// Other ways to a server: TLS, a unix socket, another database, a user and a password, a cluster over TLS.

import (
	"strings"
	"testing"

	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
	"locktop/watcher"
)

func TestEveryWayToAServerIsWatched(t *testing.T) {
	cert := locktest.NewCertificate(t)
	tls, clustered, bus := locktest.FreeAddr(t), locktest.FreeAddr(t), locktest.FreeAddr(t)
	port := func(addr string) string { return strings.TrimPrefix(addr, "127.0.0.1:") }
	srv := newServer(t, "--tls-port", port(tls), "--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile, "--tls-auth-clients", "no")
	srv.CLI("ACL", "SETUSER", "ann", "on", ">s3cret", "~*", "&*", "+@all")
	node := locktest.StartClusterNode(t, "--cluster-port", port(bus), "--tls-cluster", "yes", "--notify-keyspace-events", notifying,
		"--tls-port", port(clustered), "--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile,
		"--tls-ca-cert-file", cert.CertFile, "--tls-auth-clients", "no")
	for name, c := range map[string]struct {
		at        *locktest.Redis
		url, node string
		db        bool // another than the first
	}{
		"TLS":            {at: srv, url: "rediss://" + tls + "/0?skip_verify=true", node: tls},
		"a socket":       {at: srv, url: "unix://" + srv.Socket(), node: srv.Socket()},
		"a user":         {at: srv, url: "redis://ann:s3cret@" + srv.Addr + "/0", node: srv.Addr},
		"a cluster, TLS": {at: node, url: "rediss://" + clustered + "/0?skip_verify=true", node: clustered},
		"a database":     {at: srv, url: "redis://" + srv.Addr + "/3", node: srv.Addr, db: true},
	} {
		t.Run(name, func(t *testing.T) {
			set := func(key, owner string) {
				t.Helper()
				c.at.CLI("SET", key, owner, "PX", "3600000")
				if c.db { // the first has a lock of the same name, which is another one
					client := connect(t, resp.Options{URL: c.url})
					if _, err := client.Do(t.Context(), "set", key, owner+" of 3", "px", "3600000"); err != nil {
						t.Fatal(err)
					}
				}
			}
			set("lock:before", "B")
			w := followURL(t, resp.Options{URL: c.url}, nil)
			w.complete()
			start := w.mark()
			set("lock:"+name, "N")
			owner := "N"
			if c.db {
				owner += " of 3"
			}
			e := w.next(start, watcher.Acquired, "lock:"+name)
			if e.Node != c.node || e.Inferred || e.Owner.Raw() != owner {
				t.Errorf("it is told as %+v", e)
			}
			if c.db {
				return
			}
			c.at.CLI("DEL", "lock:"+name)
			w.next(start, watcher.Deleted, "lock:"+name)
			for _, e := range w.since(0, "", watcher.Connected, watcher.Gap) {
				if strings.Contains(e.Reason.Raw(), "s3cret") || strings.Contains(e.Node, "s3cret") {
					t.Errorf("the password is in %+v", e)
				}
			}
		})
	}
}
