package locktest

// A REST API as Upstash documents it, before a real server, for tests of its clients:
// https://upstash.com/docs/redis/features/restapi.
//
//   - POST / with a command as a JSON array; GET, HEAD, POST or PUT /COMMAND/arg1/…, where a body is the last argument and query
//     parameters come after it; POST /pipeline and /multi-exec with a list of commands.
//   - "Authorization: Bearer TOKEN", or ?_token=TOKEN; else 401.
//   - {"result": …} with 200, {"error": "…"} with 400; in a list 200, each error in its place; a discarded transaction is one error.
//   - "Upstash-Encoding: base64" encodes every string but OK; without it bytes that are not UTF-8 become U+FFFD. Errors are not encoded.
//   - upstash-sync-token comes with each answer and is remembered where it is echoed.
//   - POST /subscribe/CHANNEL and /psubscribe/PATTERN with "Accept: text/event-stream" stream messages (rest_stream.go).
//   - What else needs a connection is not available: WATCH, MULTI, AUTH, blocking commands.
//
// Not played: RESP2 responses and MONITOR.

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// RESTRequest is a request as the front got it.
type RESTRequest struct {
	Method, Path string
	Proto        string // HTTP/1.1 or HTTP/2.0
	Body         string
	SyncToken    string // that the client echoed
	Encoding     string // that it asked for
}

// REST is a running front.
type REST struct {
	Addr string // 127.0.0.1:port

	base     string
	redis    string
	token    string
	maxBody  atomic.Int64
	requests sync.WaitGroup

	mu     sync.Mutex
	users  map[string][2]string // token → name and password
	log    []RESTRequest
	synced int
	faults []*RESTFault
	done   chan struct{}

	manner  RESTStreams
	manners chan struct{} // closed when manner changes
	streams map[*restStream]struct{}
}

// StartREST starts a front before the server at a loopback address, until the test ends.
func StartREST(t testing.TB, redis string) *REST { return startREST(t, redis, nil) }

// StartRESTOverTLS is StartREST with a certificate: https, HTTP/1 and HTTP/2.
func StartRESTOverTLS(t testing.TB, redis string, cert Certificate) *REST {
	return startREST(t, redis, &cert)
}

func startREST(t testing.TB, redis string, cert *Certificate) *REST {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("locktest: listen: %v", err)
	}
	r := &REST{
		Addr: l.Addr().String(), redis: redis, token: newRESTToken(),
		users: map[string][2]string{}, done: make(chan struct{}),
		manners: make(chan struct{}), streams: map[*restStream]struct{}{},
	}
	r.base = "http://" + r.Addr
	r.maxBody.Store(10 << 20)
	server := &http.Server{Handler: r, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if cert != nil {
			server.ServeTLS(l, cert.CertFile, cert.KeyFile)
		} else {
			server.Serve(l)
		}
	}()
	if cert != nil {
		r.base = "https://" + r.Addr
	}
	t.Cleanup(func() {
		r.Clear()
		server.Close()
		<-served
		r.requests.Wait()
	})
	return r
}

// newRESTToken looks like the console's.
func newRESTToken() string {
	b := make([]byte, 42)
	rand.Read(b)
	return "AX" + base64.StdEncoding.EncodeToString(b)
}

// URL is the front's address, without the token.
func (r *REST) URL() string { return r.base }

// Token is what lets a client in, with every right.
func (r *REST) Token() string { return r.token }

// TokenFor gives a token for a user of the server's ACL, as ACL RESTTOKEN does.
func (r *REST) TokenFor(user, password string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	token := newRESTToken()
	r.users[token] = [2]string{user, password}
	return token
}

// LimitRequests refuses requests above a size in bytes, as a plan's limit does; 10 MB at first.
func (r *REST) LimitRequests(size int64) { r.maxBody.Store(size) }

// Requests are the requests so far, those included that a fault answered.
func (r *REST) Requests() []RESTRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

// restAnswer is a HTTP answer before it is written.
type restAnswer struct {
	status int
	header http.Header
	body   []byte
}

func jsonAnswer(status int, v any) restAnswer {
	body, _ := json.Marshal(v) // strings, numbers and lists of them never fail
	return restAnswer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

func errorAnswer(status int, message string) restAnswer {
	return jsonAnswer(status, map[string]string{"error": message})
}

// ServeHTTP answers one request, or does as a fault says.
func (r *REST) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	defer r.requests.Done()
	body, err := io.ReadAll(io.LimitReader(req.Body, r.maxBody.Load()+1))
	if err != nil {
		return // the client went away
	}
	r.mu.Lock()
	r.log = append(r.log, RESTRequest{
		Method: req.Method, Path: req.URL.EscapedPath(), Proto: req.Proto, Body: string(body),
		SyncToken: req.Header.Get("upstash-sync-token"), Encoding: req.Header.Get("Upstash-Encoding"),
	})
	r.mu.Unlock()
	fault := r.next(req.URL.Path, string(body))
	switch {
	case fault != nil:
		fault.play(r, w, req, body)
	case isStream(req):
		r.stream(w, req)
	default:
		r.write(w, r.serve(req, body))
	}
}

// write sends an answer with the next sync token.
func (r *REST) write(w http.ResponseWriter, a restAnswer) {
	r.mu.Lock()
	r.synced++
	token := fmt.Sprintf("sync-%d", r.synced)
	r.mu.Unlock()
	w.Header().Set("upstash-sync-token", token)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// serve executes a request.
func (r *REST) serve(req *http.Request, body []byte) restAnswer {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default:
		return errorAnswer(http.StatusMethodNotAllowed, "ERR method not allowed")
	}
	user, ok := r.user(req)
	if !ok {
		return errorAnswer(http.StatusUnauthorized, "WRONGPASS invalid or missing auth token")
	}
	if int64(len(body)) > r.maxBody.Load() {
		return errorAnswer(http.StatusBadRequest, "ERR max request size exceeded")
	}
	encode := restPlain
	if req.Header.Get("Upstash-Encoding") == "base64" {
		encode = restBase64
	}
	switch path := req.URL.EscapedPath(); path {
	case "/pipeline", "/multi-exec":
		commands, err := readCommands(body)
		if err != nil {
			return errorAnswer(http.StatusBadRequest, "ERR "+err.Error())
		}
		return r.list(req.Context(), user, commands, path == "/multi-exec", encode)
	default:
		command, err := readCommand(req, path, body)
		if err != nil {
			return errorAnswer(http.StatusBadRequest, "ERR "+err.Error())
		}
		return r.single(req.Context(), user, command, encode)
	}
}

// user is whom the token stands for; empty names for the default user.
func (r *REST) user(req *http.Request) (user [2]string, ok bool) {
	token, bearer := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = req.URL.Query().Get("_token")
	}
	if token == r.token {
		return user, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	user, ok = r.users[token]
	return user, ok
}

func (r *REST) single(ctx context.Context, user [2]string, command []string, encode func(any) any) restAnswer {
	replies, err := r.run(ctx, user, [][]string{command})
	if err != nil {
		return errorAnswer(http.StatusBadGateway, err.Error())
	}
	if e, ok := replies[0].(respError); ok {
		return errorAnswer(http.StatusBadRequest, string(e))
	}
	return jsonAnswer(http.StatusOK, map[string]any{"result": encode(replies[0])})
}

// list executes commands one after another, or as one transaction.
func (r *REST) list(ctx context.Context, user [2]string, commands [][]string, atomic bool, encode func(any) any) restAnswer {
	if atomic {
		commands = append(append([][]string{{"MULTI"}}, commands...), []string{"EXEC"})
	}
	replies, err := r.run(ctx, user, commands)
	if err != nil {
		return errorAnswer(http.StatusBadGateway, err.Error())
	}
	if atomic {
		done, ok := replies[len(replies)-1].([]any)
		if !ok { // discarded as a whole: the first command that could not be queued says why
			for _, reply := range replies {
				if e, bad := reply.(respError); bad {
					return errorAnswer(http.StatusBadRequest, string(e))
				}
			}
			return errorAnswer(http.StatusBadRequest, "ERR the transaction was discarded")
		}
		replies = done
	}
	results := make([]map[string]any, len(replies))
	for i, reply := range replies {
		if e, bad := reply.(respError); bad {
			results[i] = map[string]any{"error": string(e)}
		} else {
			results[i] = map[string]any{"result": encode(reply)}
		}
	}
	return jsonAnswer(http.StatusOK, results)
}

// readCommand takes a command from the body, or from the path with the body as its last argument.
func readCommand(req *http.Request, path string, body []byte) ([]string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return argumentsOf(json.RawMessage(body))
	}
	var command []string
	for segment := range strings.SplitSeq(path, "/") {
		arg, err := url.PathUnescape(segment)
		if err != nil {
			return nil, fmt.Errorf("the path cannot be read")
		}
		command = append(command, arg)
	}
	if len(body) > 0 {
		command = append(command, string(body))
	}
	for parameter := range strings.SplitSeq(req.URL.RawQuery, "&") {
		name, value, pair := strings.Cut(parameter, "=")
		if name == "" || name == "_token" {
			continue
		}
		for _, part := range []string{name, value}[:1+btoi(pair && value != "")] {
			arg, err := url.QueryUnescape(part)
			if err != nil {
				return nil, fmt.Errorf("the query cannot be read")
			}
			command = append(command, arg)
		}
	}
	return command, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func readCommands(body []byte) ([][]string, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("the body must be a list of commands")
	}
	commands := make([][]string, len(rows))
	for i, row := range rows {
		var err error
		if commands[i], err = argumentsOf(row); err != nil {
			return nil, err
		}
	}
	return commands, nil
}

// argumentsOf reads ["SET", "foo", "bar", "EX", 100]. JSON is text: bytes that are not UTF-8 become U+FFFD here too.
func argumentsOf(row json.RawMessage) ([]string, error) {
	var items []any
	in := json.NewDecoder(bytes.NewReader(row))
	in.UseNumber()
	if err := in.Decode(&items); err != nil || len(items) == 0 {
		return nil, fmt.Errorf("the command must be a list that begins with its name")
	}
	command := make([]string, len(items))
	for i, item := range items {
		switch v := item.(type) {
		case string:
			command[i] = v
		case json.Number:
			command[i] = v.String()
		case bool:
			command[i] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("an argument must be a string or a number")
		}
	}
	return command, nil
}
