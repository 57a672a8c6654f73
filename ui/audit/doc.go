// Package audit keeps the trail of everything that an operator does to other people's locks:
// forced releases, seizures, and what takes them back. It answers who forced what, when and why.
//
// # How it works
//
// Trail.Do is the only way to take such a step, for the commands and for the dashboard. It
// writes in this order:
//
//  1. a line of intent to a local file. Where that cannot be written, the step is not taken;
//  2. the step itself;
//  3. an entry in the stream locktop:audit on the server, which everybody who may read there sees;
//  4. a line of outcome to the local file.
//
// All of them carry the operation's id, by which Join puts them together again. A process that
// dies in between leaves an intent without an outcome, and that is shown as what it is: nobody
// knows what came of it here. Whoever asks the server finds out.
//
// The stream is another key than the lock, in another slot of a cluster, so its entry cannot be
// part of the step. It is sent at most once, and what cannot be written after the step is a
// warning: it neither hides nor changes what came of the step.
//
// # The local file
//
// audit.jsonl in the user's state directory: $LOCKTOP_STATE_DIR, else locktop in $XDG_STATE_HOME
// or ~/.local/state, in %LocalAppData%, or in ~/Library/Application Support. One JSON object a
// line, written by one write to a file that is open for appending, and on disk before the step
// goes out. The directory is made 0700 and the file 0600; a file of ours that is wider is made
// 0600 again. A symbolic link, something else than a file, a file with a second name, one of
// another user, and a directory that others can write to are refused: who could choose where the
// trail goes, or take it away, could make it say what they like.
//
// # What it does not do
//
// It is a record for honest people. Who can write to the user's files or to the Redis can forge
// it. Entries from the stream are data from outside like any other: they are bounded in length
// and count, and what they say of an operation never overrules the local file. The file is never
// shortened; the stream keeps about the last 10,000 entries.
package audit
