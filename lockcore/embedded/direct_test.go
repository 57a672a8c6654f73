package embedded_test

import (
	"reflect"
	"testing"
	"time"

	"locktop/lockcore/embedded"
)

func TestADirectInterpreterRunsScriptsOnWhatItWasGiven(t *testing.T) {
	d := embedded.NewDirect()
	noon := time.UnixMilli(1_800_000_000_000)
	d.At(noon)
	keys := []embedded.Key{
		{Name: "lock", Text: "me", Deadline: noon.UnixMilli() + 3000},
		{Name: "ledger", Hash: []embedded.Field{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}}},
	}
	d.Restore(keys)
	if got := d.Look("lock", "nothing", "ledger"); !reflect.DeepEqual(got, keys) {
		t.Errorf("given was %+v, there is %+v", keys, got)
	}
	got, err := d.Eval(`
		redis.call('HSET', KEYS[2], 'c', redis.call('PTTL', KEYS[1]))
		redis.call('DEL', KEYS[1])
		return {redis.call('TIME')[1], redis.call('HGETALL', KEYS[2]), redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[1]), ARGV[1]}`,
		[]string{"lock", "ledger"}, []string{"x"})
	want := []any{"1800000000", []any{"b", "1", "a", "2", "c", "3000"}, int64(-2), nil, "x"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the script answers %v, %v", got, err)
	}
	if got := d.Look("lock", "ledger"); len(got) != 1 || len(got[0].Hash) != 3 {
		t.Errorf("left is %+v", got)
	}

	d.Restore(keys)
	d.At(noon.Add(3 * time.Second)) // in the deadline's millisecond a key is there, as on a server
	if got := d.Look("lock"); len(got) != 1 {
		t.Errorf("at its deadline there is %+v", got)
	}
	d.At(noon.Add(3*time.Second + time.Millisecond))
	if got := d.Look("lock"); len(got) != 0 {
		t.Errorf("after its deadline there is %+v", got)
	}
}

func TestADirectInterpreterTellsErrorsAsAServerDoes(t *testing.T) {
	d := embedded.NewDirect()
	d.Restore([]embedded.Key{{Name: "k", Text: "text"}})
	for script, want := range map[string]string{
		"return redis.error_reply('LEDGER no')": "LEDGER no",
		"return":                                "",
		"return (":                              "ERR Error compiling script (new function): user_script:1: syntax error near '<eof>'",
	} {
		_, err := d.Eval(script, nil, nil)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v", script, err)
		}
	}
	if got, err := d.Eval("return {redis.pcall('HGET', 'k', 'f'), 1, {ok = 'fine'}}", nil, nil); err != nil || len(got.([]any)) != 3 {
		t.Errorf("a list with an error in it is %v, %v", got, err)
	}
	// The server's own facts are there too, so that no command fails for want of a network.
	if _, err := d.Eval("return redis.call('INFO')", nil, nil); err != nil {
		t.Errorf("INFO: %v", err)
	}
	d.Restore(nil)
	if got := d.Look("k"); got != nil {
		t.Errorf("left is %+v", got)
	}
}
