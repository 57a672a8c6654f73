package resp_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func TestSeveralHostsAreReadAndBadOnesSaidInOneLine(t *testing.T) {
	for u, want := range map[string]string{
		"redis://a:1,b:2/0": "redis://a:1,b:2/0",
		"redis://a,b":       "redis://a,b",
		"rediss://ann:s3cret@a:1,b,c:3/0?skip_verify=true":                       "rediss://ann@a:1,b,c:3/0",
		"redis://:s3,cret@[::1]:7000,[::2]:7001/0":                               "redis://@[::1]:7000,[::2]:7001/0",
		"redis://a:1,b:2?sentinel_password=s3cret":                               "redis://a:1,b:2",
		"redis://a:1/1?sentinel_username=x&sentinel_password=s3cret&pool_size=3": "redis://a:1/1",
		"unix:///run/a,b.sock":                                                   "unix:///run/a,b.sock",
	} {
		client, err := resp.New(resp.Options{URL: u})
		if err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		if got := client.URL(); got != want {
			t.Errorf("%s is shown as %s; should be %s", u, got, want)
		}
		client.Close()
	}
	for _, u := range []string{
		"redis://:s3cret@a:1,,b:2/0", "redis://:s3cret@,a", "redis://:s3cret@a,", "redis://:s3cret@a:x,b:1/0", "redis://:s3cret@a:1;b:2/0",
		"redis://:s3cret@a:1,b:2/0,c:3", "redis://:1,s3cret/x@host:1/0", "redis://:1/s3cret@host", "redis://:1?s3cret@host", "redis://:s3cret@a,b/0?sentinel_passwort=s3cret",
	} {
		_, err := resp.New(resp.Options{URL: u})
		if !errors.Is(err, lockcore.ErrInvalid) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is answered %v", u, err)
		}
		if got := resp.Redacted(u); strings.Contains(got, "s3cret") {
			t.Errorf("%q is shown as %s", u, got)
		}
	}
	if _, err := resp.New(resp.Options{URL: "unix:///run/redis.sock", SentinelMaster: "locks"}); !errors.Is(err, lockcore.ErrInvalid) {
		t.Errorf("sentinels behind a socket: %v", err)
	}
}

func TestTheFirstHostThatAnswersIsEnough(t *testing.T) {
	srv := locktest.StartClusterNode(t)
	for _, u := range []string{"redis://" + locktest.FreeAddr(t) + "," + srv.Addr, "unix://" + srv.Socket()} {
		client := connect(t, resp.Options{URL: u})
		if _, err := client.Do(context.Background(), "set", "lock:a", "me"); err != nil {
			t.Errorf("%s: %v", u, err)
		}
		if _, keys, err := client.Scan(context.Background(), "0", "*", 1000); err != nil || len(keys) != 1 {
			t.Errorf("%s: scan: %v, %v", u, keys, err)
		}
	}
	for _, key := range []string{"", "a", "lock:{7}:a", "{}", "lock:{}x", "lock:}{", "{a}{b}", "{{a}}", "lock:\xff\x00", strings.Repeat("x", 3000)} {
		if got, want := resp.Slot(key), srv.CLI("CLUSTER", "KEYSLOT", key); want != strconv.Itoa(got) {
			t.Errorf("the slot of %q is %d; the server says %s", key, got, want)
		}
	}
}

// FuzzURL gives New whatever there is: it never panics, and never shows a password.
func FuzzURL(f *testing.F) {
	for _, u := range []string{
		"redis://:Sup3rS3cretXYZ@a:1,b:2/0", "redis://a:1,b:2/0?sentinel_password=Sup3rS3cretXYZ", "rediss://u:Sup3rS3cretXYZ@[::1],[::2]:7/1?skip_verify=1",
		"redis://u:Sup3rS3cretXYZ@,/", "unix://u:Sup3rS3cretXYZ@/tmp/x,y.sock?db=1", "redis://:1,Sup3rS3cretXYZ/x@h", "redis://h/0?x=Sup3rS3cretXYZ@,", "redis://,@,:,/,?,#",
	} {
		f.Add(u, "locks")
		f.Add(u, "")
	}
	const secret = "Sup3rS3cretXYZ"
	f.Fuzz(func(t *testing.T, u, master string) {
		client, err := resp.New(resp.Options{URL: u, SentinelMaster: master})
		if err != nil {
			if !errors.Is(err, lockcore.ErrInvalid) {
				t.Errorf("%q is answered %v", u, err)
			}
		} else {
			client.Node()
			client.Close()
		}
		// Where a password stands as one, nothing shows it: after "user:" and before the host.
		user, hosts, ok := strings.Cut(u, secret+"@")
		scheme, name, plain := strings.Cut(user, "://")
		if ok && plain && !strings.ContainsAny(scheme, ":/") && strings.Count(name, ":") == 1 && strings.HasSuffix(name, ":") &&
			!strings.ContainsAny(name, "/?#@") && !strings.Contains(hosts, secret) && !strings.Contains(name, secret) && !strings.Contains(scheme, secret) {
			if shown := resp.Redacted(u); strings.Contains(shown, secret) || err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q is shown as %q, and answered %v", u, shown, err)
			}
		}
	})
}
