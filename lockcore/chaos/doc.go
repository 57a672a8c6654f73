// Package chaos puts lockcore under faults: replies lost, requests cut at every byte, held back, doubled and
// overtaken, by the thousand, from many clients on few locks; and asks of every answer whether it was true.
// It has tests only.
//
// The truth comes from the server. Each step's script is sent with an addition that notes, in the same atomic
// execution, who held the lock before it and after it: a log that no network can put in disorder. An answer is
// wrong where no moment between the call and its return agrees with it. What may be said of an operation that
// the network swallowed is "outcome unknown", never yes and never no.
//
// Masters fail in it too, killed, frozen and demoted, and slots move. Redis may lose what it has acknowledged then: which
// executions those were is known from each server's own log, so that only these are excused (see aftermath_test.go).
//
// Linearizability is checked apart from that log, by porcupine, from what the clients saw alone.
//
// A transport is a row of a table (see sites in site_test.go), so that each goes through all of it.
package chaos
