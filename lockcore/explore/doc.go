// Package explore checks the protocol of lockcore in every order of events, within bounds: a small
// explicit-state model checker. It has tests only.
//
// What is real and what is a model. The scripts are the real ones, as lockcore.Scripts gives them, and they
// run in the embedded server's interpreter. The clients are a model: a state machine that follows the
// functions of lockcore's Client one by one (client_test.go names them), what it tries again, what it gives up,
// when an answer is late. Operators, clients of other libraries on the same key, servers that refuse a
// write, and the network are models too: a message may be lost before or after it was carried out, be doubled, and
// come as late as it likes. So may an answer.
//
// A state is all that decides what can happen next: both keys of the lock, exactly, the time, what each
// client has been told and waits for, and the messages that are still on their way. From each state every possible
// step is taken, breadth first, until nothing new is found or a number of states is reached. Time moves in
// ticks of a second and stands still between two, down to the microsecond, so that fences cannot lean on the clock.
//
// What is checked. truth_test.go and orders_test.go keep, apart from the ledger, what really happened to the lock:
// who was granted what, and how it ended. Each run of a script is judged by it: what the script changed, what it
// answered. And in each state, whoever believes by his own reckoning to hold the lock must really hold it, or have been
// put out by an operator and have a lower fence than whoever holds it now; and no lock is held for a request whose
// caller was told that it holds nothing.
//
// The rules have mutations, as in locktest: broken scripts, and broken clients, with which the explorer must find a
// violation. It gives the shortest way to one.
//
// What it cannot see: more clients, more holds and more time than its bounds; a hold of a client of another
// library that has the name and, within 5 ms, the deadline of a recorded one; clocks that run at different speeds or
// jump; servers that fail over; a ledger that is lost. Two limits it knows and leaves out: a copy that the network
// makes of a request which is denied, see TestACopyOfADeniedRequestIsTheOneKnownLimit, and an owner who learns that he
// was put out at the very moment when the server refuses to record that, see hold.untold.
package explore
