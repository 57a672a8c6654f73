package wire

// Writing commands: each is a list of strings.

import "strconv"

// AppendCommand adds a command, its name and its arguments.
func AppendCommand(b []byte, words ...string) []byte {
	b = AppendList(b, len(words))
	for _, w := range words {
		b = AppendString(b, w)
	}
	return b
}

// AppendList adds the beginning of a command of n words, each of which follows by AppendString.
func AppendList(b []byte, n int) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '\r', '\n')
}

// AppendString adds one word.
func AppendString(b []byte, word string) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(word)), 10)
	b = append(b, '\r', '\n')
	b = append(b, word...)
	return append(b, '\r', '\n')
}
