package keyspace

// The server's notify-keyspace-events: what locks need of it, and how to add what is missing.

import "strings"

// setting is the server's name for it.
const setting = "notify-keyspace-events"

// needed are the letters that locks and ledgers need: keyspace channels; strings, generic
// commands (DEL, EXPIRE…), expiry, eviction; hashes, which ledgers are.
const needed = "K$gxeh"

// allLetters is what A stands for.
const allLetters = "g$lshzxetd"

// missing gives the letters that a setting lacks.
func missing(value string) string {
	var lacks strings.Builder
	for _, letter := range needed {
		if strings.ContainsRune(value, letter) ||
			strings.ContainsRune(value, 'A') && strings.ContainsRune(allLetters, letter) {
			continue
		}
		lacks.WriteRune(letter)
	}
	return lacks.String()
}

// completed is the setting with what it lacks added; every letter that is there stays.
func completed(value string) string { return value + missing(value) }
