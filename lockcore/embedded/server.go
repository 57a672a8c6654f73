package embedded

// The server's life: listening, accepting, and an orderly end.

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options say how a server runs. The zero value is a server on a free port.
type Options struct {
	// Addr is where to listen, host:port. It must be loopback, since nothing
	// protects the server. Defaults to 127.0.0.1:0, a free port.
	Addr string
	// Clock tells the time, by which keys expire. It is called under the server's
	// lock, so it must not call the server. Defaults to time.Now.
	Clock func() time.Time
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	listener net.Listener
	clock    func() time.Time
	ownClock bool // the clock is not the machine's, and may jump
	started  time.Time
	runID    string
	done     chan struct{}
	ending   sync.Once
	running  sync.WaitGroup

	mu       sync.Mutex // held while a request is executed; guards everything below and all of a client but its output
	dbs      [databases]*database
	time     time.Time // the time of the request being executed
	now      int64     // the same in milliseconds since 1970
	clients  map[int64]*client
	lastID   int64
	closed   bool
	channels map[string]*subscribers
	patterns []*subscribers // in the order in which they came
	events   eventClass     // notify-keyspace-events
	limit    outputLimit
	commands map[string]*command
	scripts  *scripts
	counters counters
	nextWake int64 // when the expiry goroutine looks next, ms
	wake     chan struct{}
}

// counters are what INFO reports and nothing else keeps.
type counters struct {
	connections, commands, errors    int64
	expired, hits, misses, cutOutput int64
}

// Start starts a server. It serves until Close.
func Start(opts Options) (*Server, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	addr, err := loopback(opts.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		clock:    opts.Clock,
		ownClock: opts.Clock != nil,
		done:     make(chan struct{}),
		wake:     make(chan struct{}, 1),
		clients:  map[int64]*client{},
		channels: map[string]*subscribers{},
		limit:    defaultOutputLimit,
		nextWake: never,
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.setNow()
	s.started = s.time
	var id [20]byte
	rand.Read(id[:]) // never fails
	s.runID = hex.EncodeToString(id[:])
	for i := range s.dbs {
		s.dbs[i] = newDatabase(i)
	}
	s.commands = newCommands()
	s.scripts = newScripts()
	if s.listener, err = net.ListenTCP("tcp", addr); err != nil {
		return nil, fmt.Errorf("embedded: listen on %s: %w", opts.Addr, err)
	}
	s.running.Go(s.accept)
	s.running.Go(s.expireInTime)
	return s, nil
}

// loopback resolves addr, and refuses what others than this machine can reach.
func loopback(addr string) (*net.TCPAddr, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("embedded: %s is not a loopback address", addr)
	}
	return tcp, nil
}

// Addr is the address that the server listens on, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is the address as redis://host:port/0.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Close ends the server: it closes every connection and returns when all of the
// server's goroutines have ended. A second Close does nothing.
func (s *Server) Close() error {
	var err error
	s.ending.Do(func() {
		close(s.done)
		err = s.listener.Close()
		s.scripts.abort()
		s.mu.Lock()
		s.closed = true
		for _, c := range s.clients {
			c.out.cut()
		}
		s.mu.Unlock()
	})
	s.running.Wait()
	return err
}

func (s *Server) accept() {
	pause := time.Millisecond
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, most likely: that passes
			select {
			case <-s.done:
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		s.admit(conn)
	}
}

// admit makes a client of a connection and starts its two goroutines.
func (s *Server) admit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.setNow()
	s.lastID++
	s.counters.connections++
	c := newClient(s.lastID, conn, s.now)
	s.clients[c.id] = c
	s.running.Go(c.out.run)
	s.running.Go(func() { s.serve(c) })
}

// serve executes a client's requests until its connection ends.
func (s *Server) serve(c *client) {
	in := newRequests(c.conn)
	for {
		args, err := in.next()
		if err == nil && s.execute(c, args) {
			continue
		}
		var wrong protocolError
		if errors.As(err, &wrong) {
			c.out.add(appendReply(nil, failure("ERR "+wrong.Error()), 2), outputLimit{}, 0)
		}
		break
	}
	s.mu.Lock()
	s.unwatch(c)
	s.unsubscribeAll(c)
	s.mu.Unlock()
	c.out.finish()
	<-c.out.ended
	// Only now: as long as it is listed, Close can cut what is stuck in a write.
	s.mu.Lock()
	delete(s.clients, c.id)
	s.mu.Unlock()
}

// setNow takes the time for the request that begins.
func (s *Server) setNow() {
	s.time = s.clock()
	s.now = s.time.UnixMilli()
}
