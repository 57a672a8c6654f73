package cli

// How far a play has come, the demo's or the model's, on stderr, where that is a terminal. It is one line that is gone at the end.

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"locktop/watcher/makecom"
)

// redrawn is how often the line is.
const redrawn = 200 * time.Millisecond

// progress is the line. nil draws nothing.
type progress struct {
	out  io.Writer
	mu   sync.Mutex
	last makecom.Progress
	stop chan struct{}
	done chan struct{}
}

// newProgress starts to draw; nil where nobody would see it or the terminal cannot clear a line.
func (e *env) newProgress() *progress {
	f, ok := e.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || e.getenv("TERM") == "dumb" {
		return nil
	}
	p := &progress{out: f, stop: make(chan struct{}), done: make(chan struct{})}
	go p.draw()
	return p
}

// see is how far it has come.
func (p *progress) see(now makecom.Progress) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.last = now
	p.mu.Unlock()
}

// end clears the line.
func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.done
}

func (p *progress) draw() {
	defer close(p.done)
	const clear = "\r\x1b[K"
	tick := time.NewTicker(redrawn)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			io.WriteString(p.out, clear)
			return
		case now := <-tick.C:
			p.mu.Lock()
			last := p.last
			p.mu.Unlock()
			io.WriteString(p.out, clear+progressLine(last, now))
		}
	}
}

func progressLine(p makecom.Progress, now time.Time) string {
	line := fmt.Sprintf("held %d  waiting %d  done %d", p.Held, p.Waiting, p.Done)
	if p.Exhausted > 0 {
		line += fmt.Sprintf("  out of attempts %d", p.Exhausted)
	}
	if p.Crashed > 0 {
		line += fmt.Sprintf("  crashed %d", p.Crashed)
	}
	if p.Refused > 0 {
		line += fmt.Sprintf("  refused %d", p.Refused)
	}
	if p.Waiting > 0 {
		line += "  " + untilNext(p.Next, now)
	}
	return line
}

// untilNext is when the first of those that wait comes back, on the clock of who looks.
func untilNext(next, now time.Time) string {
	if d := next.Sub(now); d > 0 {
		return "next retry in " + spell(d)
	}
	return "a retry is due"
}
