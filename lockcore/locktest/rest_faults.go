package locktest

// What can go wrong between a REST API and its client.

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RESTFault is what happens to requests instead of an answer. It waits until a request fits.
type RESTFault struct {
	Times   int    // how many requests it happens to; 0 for all until Clear
	Match   string // only to requests whose body has this text
	Path    string // only to requests whose path begins so: /psubscribe for event streams
	Execute bool   // the commands are executed first, and their answer is what is cut, delayed or lost

	Status int         // answered; with Execute and neither Status nor Body the answer is the right one
	Header http.Header // beside
	Body   string

	Hang  bool          // no answer until Clear or the test's end
	Drop  bool          // the connection is cut without an answer
	CutAt int           // the connection is cut after so many bytes of the answer's body; -1 before the first
	Slow  time.Duration // between two bytes of the answer's body
}

// Inject adds a fault; several are played in order of their coming.
func (r *REST) Inject(f RESTFault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	r.faults = append(r.faults, &f)
}

// Clear ends all faults and lets hanging requests go, unanswered.
func (r *REST) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
	close(r.done)
	r.done = make(chan struct{})
}

// next is the fault for a request, nil if there is none.
func (r *REST) next(path, body string) *RESTFault {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range r.faults {
		if !strings.Contains(body, f.Match) || !strings.HasPrefix(path, f.Path) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				r.faults = append(r.faults[:i:i], r.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

func (f *RESTFault) play(r *REST, w http.ResponseWriter, req *http.Request, body []byte) {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	a := restAnswer{status: http.StatusOK}
	if f.Execute {
		a = r.serve(req, body)
	}
	if f.Status != 0 {
		a = restAnswer{status: f.Status, body: []byte(f.Body)}
	} else if f.Body != "" {
		a.body = []byte(f.Body)
	}
	if f.Header != nil {
		a.header = f.Header
	}
	switch {
	case f.Hang:
		select {
		case <-done:
		case <-req.Context().Done():
		}
		panic(http.ErrAbortHandler) // the connection ends without an answer
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.CutAt != 0:
		r.part(w, a, max(f.CutAt, 0), 0, done)
		panic(http.ErrAbortHandler)
	case f.Slow > 0:
		r.part(w, a, len(a.body), f.Slow, done)
	default:
		r.write(w, a)
	}
}

// part sends some of an answer, byte by byte if there is a pause.
func (r *REST) part(w http.ResponseWriter, a restAnswer, n int, pause time.Duration, done chan struct{}) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	flush := http.NewResponseController(w)
	n = min(n, len(a.body))
	if pause == 0 {
		w.Write(a.body[:n])
		flush.Flush()
		return
	}
	for i := range n {
		if _, err := w.Write(a.body[i : i+1]); err != nil || flush.Flush() != nil {
			return
		}
		select {
		case <-done:
			return
		case <-time.After(pause):
		}
	}
}
