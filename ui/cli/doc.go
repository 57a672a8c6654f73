// Package cli is what locktop understands on the command line: the commands, one file each,
// and what they share.
//
// A command reads its flags into settings, which checks them, opens a session with the
// server, asks lockcore or watcher for one thing, and prints the answer: to stdout what was
// asked for, to stderr what went wrong, in one line that says what failed, on which server,
// and what to do. What failed decides the exit code; exit.go and fault.go have both.
//
// What an operator orders against somebody else's lock goes through audit.Trail, from the
// commands and from the dashboard alike, so that nothing is forced off the record.
//
// Commands touch the process only through env, so that tests run them in-process. A call
// that hangs never outlives an interrupt: within lets go of it.
//
// Keys, owners, reasons and the server's messages go to people as watcher.Text. Where a
// program reads them (JSON, CSV), what is not plain text comes as base64.
package cli
