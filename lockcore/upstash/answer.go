package upstash

// What an answer means: a reply, an error of Redis, a refusal, or that nobody knows what was executed.

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"locktop/lockcore"
)

// maxPage is how much of a page that is no reply is read.
const maxPage = 64 << 10

// replies reads the answer, with errors in the place of commands that failed by themselves.
func (c *Client) replies(res *http.Response, r request, body []byte) ([]any, error) {
	var replies []any
	var err error
	if r.path == "" {
		var one any
		one, err = readOne(body)
		replies = []any{one}
	} else {
		replies, err = readMany(body, r.count)
	}
	var whole *lockcore.ReplyError
	switch {
	case errors.As(err, &whole):
	case err != nil:
		return nil, c.fail(lost, r.read, "HTTP %d, but %s: %s", res.StatusCode, c.secret.clean(err.Error()), c.quote(body))
	case r.path == "":
		whole, _ = replies[0].(*lockcore.ReplyError)
	}
	if whole != nil {
		if overLimit.MatchString(whole.Message) {
			return nil, c.limited(res, r, whole.Message)
		}
		whole.Message = c.secret.clean(whole.Message)
		return nil, whole
	}
	if res.StatusCode != http.StatusOK {
		return nil, c.fail(lost, r.read, "HTTP %d with results, which cannot be: %s", res.StatusCode, c.quote(body))
	}
	for _, reply := range replies {
		if e, ok := reply.(*lockcore.ReplyError); ok {
			e.Message = c.secret.clean(e.Message)
		}
	}
	return replies, nil
}

// overLimit are the errors of a database whose plan is used up: "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001",
// "ERR max requests limit exceeded". Nothing was executed.
// (https://upstash.com/docs/redis/troubleshooting/max_requests_limit, …/max_daily_request_limit)
var overLimit = regexp.MustCompile(`(?i)^ERR max (daily |monthly )?requests? limit exceeded`)

// status judges an answer whose HTTP status says what became of the request. The API documents 200, 400, 401 and 405
// (https://upstash.com/docs/redis/features/restapi#http-codes); the rest comes from what stands before it.
func (c *Client) status(res *http.Response, r request) error {
	page, _ := io.ReadAll(io.LimitReader(res.Body, maxPage))
	code := res.StatusCode
	switch {
	case code >= 300 && code < 400:
		return c.fail(refused, r.read, "HTTP %d: the server redirects, and that is not followed, since it would send the token elsewhere; use the URL as the console shows it", code)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return c.fail(refused, r.read, "HTTP %d: the token is not accepted; set %s to the database's token%s", code, TokenVariable, c.said(page))
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return c.fail(refused, r.read, "HTTP %d: there is no Upstash REST API at this URL; use the URL as the console shows it in UPSTASH_REDIS_REST_URL%s", code, c.said(page))
	case code == http.StatusRequestEntityTooLarge:
		return c.fail(refused, r.read, "HTTP %d: the request is too large for the server; ask for less at once%s", code, c.said(page))
	case code == http.StatusTooManyRequests:
		return c.limited(res, r, c.said(page))
	}
	return c.fail(lost, r.read, "HTTP %d%s", code, c.said(page))
}

// limited is the refusal of one request too many.
func (c *Client) limited(res *http.Response, r request, said string) error {
	when := "try again later"
	if after := retryAfter(res.Header.Get("Retry-After"), time.Now()); after > 0 {
		when = "try again in " + after.String()
	}
	said = strings.TrimPrefix(said, ": ")
	if said != "" {
		said = ": " + c.secret.clean(said)
	}
	return c.fail(refused, r.read, "HTTP %d: rate limited, not executed; %s, or raise the database's limit%s", res.StatusCode, when, said)
}

// retryAfter reads seconds or a date; 0 if there is none.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(n, 0), 366*24*3600)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now).Round(time.Second), 0)
	}
	return 0
}

// said is what a page that is no reply says, ": " before it.
func (c *Client) said(page []byte) string {
	text := string(page)
	if e, err := readOne(page); err == nil {
		if reply, ok := e.(*lockcore.ReplyError); ok {
			text = reply.Message
		}
	}
	if text = c.secret.clean(text); text == "" {
		return ""
	}
	return ": " + text
}

func (c *Client) quote(body []byte) string {
	if text := c.secret.clean(string(body)); text != "" {
		return text
	}
	return "nothing"
}
