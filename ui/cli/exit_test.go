package cli

// Each exit code, on the built program.

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"locktop/lockcore/locktest"
)

func TestExitCodesOfTheBuiltProgram(t *testing.T) {
	r := locktest.StartRedis(t)
	url := r.URL()

	t.Run("0 where it is done", func(t *testing.T) {
		if got := start(t, url, "acquire", "lock:a", "--owner", "A", "--ttl", "1m").answer(t); got.code != exitDone || got.err != "" {
			t.Fatalf("acquire: %+v", got)
		}
	})
	t.Run("1 where the server cannot be reached", func(t *testing.T) {
		nobody := "redis://" + locktest.FreeAddr(t) + "/0"
		for _, args := range [][]string{
			{"list"}, {"inspect", "lock:a"}, {"watch"}, {"acquire", "lock:a", "--owner", "A"}, {"release", "lock:a", "--owner", "A"},
			{"extend", "lock:a", "--owner", "A", "--ttl", "1s"},
			{"force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes"},
			{"seize", "lock:a", "--expect-owner", "A", "--ttl", "1m", "--reason", "r", "--yes"},
			{"undo", "lock:a", "--operation", "x", "--yes"},
		} {
			start(t, nobody, args...).answer(t).fails(t, exitFailed, args[0], nobody, "unreachable", "refused", "--url")
		}
	})
	t.Run("2 where it is used wrongly", func(t *testing.T) {
		start(t, url, "sieze", "lock:a").answer(t).fails(t, exitUsage, "sieze", "seize", "locktop --help")
	})
	t.Run("3 where somebody else holds it", func(t *testing.T) {
		start(t, url, "acquire", "lock:a", "--owner", "B").answer(t).
			fails(t, exitHeld, "acquire lock:a", url, "held by A for another", "denial 1 of this work", "--wait")
	})
	t.Run("3 where a forced release expects something else", func(t *testing.T) {
		start(t, url, "force-release", "lock:a", "--expect-owner", "B", "--reason", "r", "--yes").answer(t).
			fails(t, exitHeld, "not released", "A holds it", "locktop inspect lock:a")
	})
	t.Run("4 where this owner does not hold it", func(t *testing.T) {
		start(t, url, "release", "lock:a", "--owner", "B").answer(t).fails(t, exitNotHeld, "not held by B", "A holds it now")
	})
	t.Run("5 where no answer came back", func(t *testing.T) {
		for _, cut := range []bool{true, false} {
			p := locktest.StartProxy(t, r.Addr)
			p.LoseRepliesTo("evalsha", cut)
			start(t, p.URL(), "acquire", "lock:lost", "--owner", "L", "--timeout", "300ms").answer(t).
				fails(t, exitUnknown, "outcome unknown", p.URL(), "locktop inspect lock:lost")
			start(t, p.URL(), "force-release", "lock:a", "--expect-owner", "A", "--reason", "r", "--yes", "--timeout", "300ms").
				answer(t).fails(t, exitUnknown, "outcome unknown", "locktop inspect lock:a")
			r.CLI("SET", "lock:a", "A")
		}
		if owner := r.CLI("GET", "lock:lost"); owner != "L" {
			t.Errorf("the lost acquire was not done: %q", owner)
		}
	})
	t.Run("130 where it is interrupted while a call hangs", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		run := start(t, "redis://"+silent.Addr().String()+"/0", "acquire", "lock:a", "--owner", "B", "--timeout", "10m")
		c, err := silent.Accept() // from here on it waits for an answer
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		run.cmd.Process.Signal(os.Interrupt)
		run.answer(t).fails(t, exitInterrupted, "acquire lock:a", "interrupted before the answer came", "locktop inspect lock:a")
	})
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupted, syscall.SIGTERM: exitTerminated} {
		t.Run(signal.String()+" while it watches", func(t *testing.T) {
			run := start(t, url, "watch")
			eventually(t, "it watches", func() bool { return strings.Contains(run.out.String(), "resynced") })
			run.cmd.Process.Signal(signal)
			if got := run.answer(t); got.code != code || got.err != "" {
				t.Errorf("exit code %d, stderr %q", got.code, got.err)
			}
		})
	}
}

func TestAnAnswerAfterTheTTLIsAFailure(t *testing.T) {
	r := locktest.StartRedis(t)
	s := on(r.URL())
	s.must(t, "acquire", "lock:warm", "--owner", "A")
	r.CLI("CLIENT", "PAUSE", "60", "ALL")
	s.run("acquire", "lock:late", "--owner", "A", "--ttl", "5ms").fails(t, exitFailed, "acquire lock:late", "TTL was over", "longer --ttl")
}

func TestAReaderThatGoesAwayEndsItQuietly(t *testing.T) {
	r := redisWithEvents(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	run := startInto(t, write, r.URL(), "watch")
	buf := make([]byte, 1)
	if _, err := read.Read(buf); err != nil {
		t.Fatal(err)
	}
	read.Close() // nothing more happens on the server: it has to notice by itself
	if got := run.answer(t); got.code != exitDone || got.err != "" {
		t.Errorf("exit code %d, stderr %q", got.code, got.err)
	}
}
