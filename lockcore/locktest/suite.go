package locktest

// The conformance suite: the rules that the steps on a lock keep, each as a check that
// any transport and any server can be put through, and each with the mutations of the
// scripts that it must notice. A check that a broken script passes proves nothing.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"locktop/lockcore"
)

// Server is what a check works on: a server that is empty when the check begins.
type Server struct {
	Transport lockcore.Transport
	// Do sends a command past lockcore and gives the reply as text, errors with a leading "-".
	Do func(args ...string) string
	// As gives a transport for a user who lacks commands, "-hset" say; nil where the server knows no users.
	As func(rights ...string) lockcore.Transport
	// TextOnly says that the transport cannot carry what is no valid UTF-8.
	TextOnly bool
	// Cluster says that a key and its ledger must lie in one slot.
	Cluster bool
}

// T is what a check reports to; *testing.T is one.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Rule is one promise of the scripts.
type Rule struct {
	Name  string
	Check func(T, *Server)
	// Users, Config and Binary tell that the check needs users with rights, settings such as
	// maxmemory, or a transport for any bytes.
	Users, Config, Binary bool
	// Mutations break the scripts in the ways that the check must notice.
	Mutations []Mutation
}

// Mutation replaces one piece of a script's text.
type Mutation struct {
	Script string // its name
	Take   string // must occur in it exactly once, unless All is set
	Put    string
	All    bool
}

// Rules are all rules.
func Rules() []Rule {
	var all []Rule
	for _, some := range [][]Rule{
		acquireRules, requestRules, fenceRules, releaseRules, extendRules, overrunRules, forceRules, seizeRules, undoRules, edgeRules,
	} {
		all = append(all, some...)
	}
	return all
}

// Check puts a server through every rule that it has what it takes for.
func Check(t *testing.T, server func(t *testing.T) *Server, config bool) {
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			s := server(t)
			if r.Config && !config || r.Users && s.As == nil || r.Binary && s.TextOnly {
				return
			}
			r.Check(t, s)
		})
	}
}

// CheckMutations runs every rule against each of its broken scripts, and fails where it does not notice.
func CheckMutations(t *testing.T, server func(t *testing.T) *Server) {
	for _, r := range Rules() {
		for i, m := range r.Mutations {
			t.Run(fmt.Sprintf("%s/%d", r.Name, i+1), func(t *testing.T) {
				s := server(t)
				s.Transport = &mutant{t, s.Transport, m}
				if as := s.As; as != nil {
					s.As = func(rights ...string) lockcore.Transport { return &mutant{t, as(rights...), m} }
				}
				if complaints := complaintsOf(func(t T) { r.Check(t, s) }); len(complaints) == 0 {
					t.Errorf("%s with\n  %s\nfor\n  %s\nwent unnoticed", m.Script, m.Put, m.Take)
				} else {
					t.Logf("noticed: %s", complaints[0])
				}
			})
		}
	}
}

// mutant is a transport that sends a broken script instead of the right one.
type mutant struct {
	t *testing.T
	lockcore.Transport
	m Mutation
}

func (b *mutant) Eval(ctx context.Context, s *lockcore.Script, keys, args []string) (any, error) {
	if s.Name == b.m.Script {
		if n := strings.Count(s.Source, b.m.Take); n == 0 || n > 1 && !b.m.All {
			b.t.Errorf("the mutation's text occurs %d times in %s: %s", n, s.Name, b.m.Take)
		}
		source := strings.ReplaceAll(s.Source, b.m.Take, b.m.Put)
		sum := sha1.Sum([]byte(source))
		s = &lockcore.Script{Name: s.Name, Source: source, SHA1: hex.EncodeToString(sum[:])}
	}
	return b.Transport.Eval(ctx, s, keys, args)
}

// complaintsOf runs a check apart from the test and gives what it found.
func complaintsOf(check func(T)) []string {
	c := &complaints{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(c)
	}()
	<-done
	return c.said
}

type complaints struct{ said []string }

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}
