package chaos_test

// Scripts that are broken on purpose, each in a way that the tests here must notice.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"

	"locktop/lockcore"
	"locktop/lockcore/locktest"
)

// breakage replaces pieces of a script.
type breakage struct {
	name, step string
	replace    []string // what, by what
}

var breakages = []breakage{
	{"a lock that is held is given away", "acquire", []string{"'NX', 'PXAT'", "'PXAT'"}},
	{"anybody releases", "release", []string{
		"if holder == owner then", "if holder then",
		"if (fence == '' or recorded and fence == sub(s, 34, 49)) and (request == '' or recorded and request == match(s, '^%S+', 101)) then", "if true then"}},
	{"a release only says so", "release", []string{"redis.call('DEL', lock)", ""}},
	{"a forced release takes whoever is there", "force_release", []string{"if not meant then", "if not holder then",
		"return times .. ' ' .. now", "return (times or '0000000000000000 0000000000000 0000000000000') .. ' ' .. now", "' ' .. who\n", "' ' .. (who or '- x')\n"}},
	{"fences fall", "acquire", []string{"if clock <= highest then fence = format('%016.0f', highest + 1) end", "fence = format('%016.0f', FENCE_LIMIT - 2 - math.max(highest % 1000000000, clock % 1000000000))"}},
	{"a request that is over is granted again", "acquire", []string{"refused = 'ended'", "local _"}},
}

// broken is a transport that sends the broken script.
type broken struct {
	lockcore.Transport
	b breakage
}

func (b broken) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if s.Name == b.b.step {
		source := strings.NewReplacer(b.b.replace...).Replace(s.Source)
		sum := sha1.Sum([]byte(source))
		s = &lockcore.Script{Name: s.Name, Source: source, SHA1: hex.EncodeToString(sum[:])}
	}
	return b.Transport.Eval(ctx, s, keys, args)
}

// TestBrokenScriptsAreNoticedInTheStorm: a hearing that never finds anything proves nothing.
func TestBrokenScriptsAreNoticedInTheStorm(t *testing.T) {
	seed := seedOf(t)
	for _, b := range breakages {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range lockcore.Scripts() {
				for i := 0; s.Name == b.step && i < len(b.replace); i += 2 {
					if strings.Count(s.Source, b.replace[i]) == 0 {
						t.Fatalf("there is no %q in %s any more", b.replace[i], s.Name)
					}
				}
			}
			// Some need a rare meeting of faults: in one storm in a hundred it does not come about.
			s := overRESP(t, locktest.StartRedis(t).Addr)
			for round := range uint64(10) {
				h := storm(s, seed+round<<32, 1500, func(t lockcore.Transport) lockcore.Transport { return broken{t, b} })
				if len(h.wrong) > 0 {
					first, _, _ := strings.Cut(h.wrong[0], "\n")
					t.Logf("%d complaints in storm %d: %s", len(h.wrong), round, first)
					return
				}
				t.Logf("unnoticed in storm %d: %s", round, h)
				s.do("FLUSHALL")
			}
			t.Error("it went unnoticed")
		})
	}
}
