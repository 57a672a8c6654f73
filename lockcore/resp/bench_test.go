package resp_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

func script(source string) *lockcore.Script {
	sum := sha1.Sum([]byte(source))
	return &lockcore.Script{Name: "test", Source: source, SHA1: hex.EncodeToString(sum[:])}
}

// echo answers with one bulk string, as a step that succeeds does.
var echo = script(`return ARGV[1]`)

// until is a context with a deadline and nothing to wait on, as lockcore passes.
type until struct {
	context.Context
	deadline time.Time
}

func (u until) Deadline() (time.Time, bool) { return u.deadline, true }

// BenchmarkEval runs a trivial script beside go-redis's own EVALSHA, over a unix socket.
func BenchmarkEval(b *testing.B) {
	srv := locktest.StartRedis(b)
	ctx := context.Background()
	keys, args := []string{"lock:a", "locktop:{lock:a}"}, []string{"owner", "15000"}
	bare := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket(), Protocol: 2})
	defer bare.Close()
	bare.ScriptLoad(ctx, echo.Source)
	b.Run("go-redis", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := bare.EvalSha(ctx, echo.SHA1, keys, "owner", "15000").Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
	client, err := resp.New(resp.Options{URL: "unix://" + srv.Socket()})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	cancellable, cancel := context.WithCancel(ctx)
	defer cancel()
	for name, ctx := range map[string]context.Context{
		"ours": ctx, "ours, with a deadline": until{ctx, time.Now().Add(time.Hour)}, "ours, to be cancelled": cancellable,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Eval(ctx, echo, keys, args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
