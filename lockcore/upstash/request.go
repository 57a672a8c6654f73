package upstash

// Commands as JSON. What cannot be said in JSON is not sent.
//
// The API's documentation (https://upstash.com/docs/redis/features/restapi) has these ways to send a command:
//
//   - a JSON array in the body, [COMMAND, ARG1, …]: JSON is text, so an argument that is not valid UTF-8 has no form in it;
//   - /pipeline and /multi-exec, which take arrays of such arrays;
//   - "JSON or Binary Value": the command in the path and one value as the raw body, REST_URL/set/foo, whose
//     bytes are appended as the last argument. That is one binary value in a request of one command.
//
// "Upstash-Encoding: base64" is for responses only. A step on a lock names its key twice and its owner once
// or twice, in one command, and a lock is read in one transaction: the one binary value does not carry that.
// So an argument that is not valid UTF-8 is refused. Such a lock's key and owner are seen, since replies
// come in base64, and can be acted on over the Redis protocol.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"locktop/lockcore"
)

const textOnly = "is not valid UTF-8, and the REST API takes text only; use the rediss:// address of the same database"

// notText names the first argument that cannot be sent: "argument 2 of GET"; empty if all can.
func notText(command []string) string {
	for i, arg := range command {
		if !utf8.ValidString(arg) {
			if i == 0 {
				return "the command's name"
			}
			return fmt.Sprintf("argument %d of %q", i, command[0])
		}
	}
	return ""
}

// checkStep names what of a step cannot be sent.
func checkStep(s *lockcore.Script, keys, args []string) error {
	for i, key := range keys {
		if !utf8.ValidString(key) {
			return fmt.Errorf("%w: key %d of the step %s %s", lockcore.ErrInvalid, i+1, s.Name, textOnly)
		}
	}
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("%w: argument %d of the step %s %s", lockcore.ErrInvalid, i+1, s.Name, textOnly)
		}
	}
	return nil
}

// marshal gives the JSON of a command or of a list of them. Their text was checked.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // scripts are full of < and >
	e.Encode(v)            // strings and lists of them never fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// texts turns the arguments of Do into strings.
func texts(args []any) ([]string, error) {
	command := make([]string, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			command[i] = v
		case []byte:
			command[i] = string(v)
		case float64:
			command[i] = strconv.FormatFloat(v, 'g', -1, 64)
		case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
			command[i] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%w: argument %d of a command is a %T; only strings and numbers can be sent", lockcore.ErrInvalid, i, arg)
		}
	}
	if len(command) == 0 || command[0] == "" {
		return nil, fmt.Errorf("%w: the command is empty", lockcore.ErrInvalid)
	}
	if what := notText(command); what != "" {
		return nil, fmt.Errorf("%w: %s %s", lockcore.ErrInvalid, what, textOnly)
	}
	return command, nil
}
