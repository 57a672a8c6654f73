package peers_test

// The competitors: each takes a free lock and releases it again.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
	"locktop/lockcore/resp"
)

const ttl = time.Minute

// poolSize is above the number of workers, so that nobody waits for a connection.
const poolSize = 50

// compareAndDelete is what careful users of a bare SET NX PX release with.
var compareAndDelete = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)

// peer is one way to take a lock and to release it.
type peer struct {
	name string
	pair func(key string) error
}

// peers are raw, which is the baseline, and the others. Each has a pool of its own.
func peers(b *testing.B, srv *locktest.Redis) []peer {
	ctx := context.Background()
	pool := func() *redis.Client {
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket(), PoolSize: poolSize})
		b.Cleanup(func() { client.Close() })
		return client
	}
	raw := pool()
	sync := redsync.New(goredis.NewPool(pool()))
	obtain := redislock.New(pool())
	transport := connect(b, srv)
	locks := lockcore.New(transport)
	return []peer{
		{"raw", func(key string) error {
			if err := raw.SetNX(ctx, key, "owner", ttl).Err(); err != nil {
				return err
			}
			return compareAndDelete.Run(ctx, raw, []string{key}, "owner").Err()
		}},
		{"redsync", func(key string) error {
			m := sync.NewMutex(key, redsync.WithExpiry(ttl), redsync.WithTries(1))
			if err := m.LockContext(ctx); err != nil {
				return err
			}
			_, err := m.UnlockContext(ctx)
			return err
		}},
		{"redislock", func(key string) error {
			l, err := obtain.Obtain(ctx, key, ttl, nil)
			if err != nil {
				return err
			}
			return l.Release(ctx)
		}},
		{"locktop", func(key string) error {
			h, err := locks.Acquire(ctx, key, "owner", ttl, nil)
			if err != nil {
				return err
			}
			_, err = locks.Release(ctx, key, "owner", &lockcore.ReleaseOptions{Fence: h.Fence})
			return err
		}},
	}
}

func connect(b *testing.B, srv *locktest.Redis) *resp.Client {
	transport, err := resp.New(resp.Options{URL: fmt.Sprintf("unix://%s?pool_size=%d", srv.Socket(), poolSize)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { transport.Close() })
	return transport
}
