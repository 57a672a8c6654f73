// Package upstash carries lockcore's scripts and reads over the Upstash REST API, by net/http: Upstash's
// databases, and servers that speak as Upstash documents it before a Redis.
//
// What it promises:
//
//   - A script is sent at most once. It goes as EVALSHA; EVAL follows only where the server answered NOSCRIPT. An error
//     is lockcore.ErrUnreachable if the server certainly did not get the command, and only then it is sent again;
//     lockcore.ErrUnknownOutcome if it may have been executed: no answer, one that was cut, a status of 5xx, a
//     page that is no reply; lockcore.ErrRefused if the server said that it did not execute it: the token, the URL, the rate.
//     An error of Redis itself is a *lockcore.ReplyError.
//   - A read is one transaction, sent again a few times where no answer came, within the time-out.
//   - A call returns when ctx ends or the time-out is over, whatever the server does.
//   - Replies are bytes as they are in Redis, and integers keep all their digits.
//   - A later call sees what earlier ones did or saw, replicas or not: the sync token of the last answer goes with the next request.
//   - Keyspace notifications are heard through event streams (Subscribe), one for each pattern. A stream that ends, breaks, or is
//     not confirmed in time is an error and never silence; it does not mend itself. What is heard names the very key, whatever
//     commas it has, or says that it cannot be known which key is meant (Heard.Unclear), though the API escapes nothing.
//   - Every request is counted (Requests), since requests are what is paid for.
//   - The token goes to the URL's host and nowhere else: no redirect is followed, no http:// but on loopback. It is in no error.
//
// What it does not do:
//
//   - Keys, owners and arguments that are not valid UTF-8 cannot be sent: the API takes commands as JSON. They are
//     refused with lockcore.ErrInvalid before anything is sent; in a Read they have their error in their place. They are seen all the same.
//   - A stream has no ping. That it is alive and that notifications are on is shown by touching a key of one's own and
//     hearing of it; keep-alive comments, where a server sends some, are signs of life and no more (an empty Heard).
//   - Streams of several patterns have no order among each other.
//   - A key with an empty line in it, "lock:a,del\n\n…", can pass for a notification of another key where the server sends line
//     breaks as they are, which is not documented. So an event says which key to read, and not what is true of it.
//   - No Sentinel, no cluster, no database number, no AUTH: the token is all.
//   - A server that does not know Upstash-Encoding: base64 is refused by its answers, since plain JSON would change bytes.
//   - Limits on the size of a request are the plan's, and told by the server.
package upstash
