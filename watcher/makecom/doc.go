// Package makecom says how Make.com retries work that was denied a lock, and what that means for each waiter:
// when it comes back, when it gets the lock, and how likely it is to run out of retries before.
//
// The scenario: many executions of a Make.com scenario guard a record with one lock. One acquires it; the others are
// denied, fail on purpose, and a Break error handler stores them as incomplete executions and retries them later.
// Nobody queues in Redis: between two retries a waiter exists only in Make.com's memory, which is why a contended lock
// is free most of the time and why a waiter can starve.
//
// Its subjects:
//
//   - policy.go: the retry policy (mode, interval, attempts, batch size) and what follows from it for a single waiter.
//   - forecast.go: Predict, the forecast for all waiters of one lock as it is now. It is a pure function: by closed forms in
//     microseconds, or in the mode Batch by many short simulations (trials.go) in about a millisecond.
//   - scenario.go: Scenario, the one description of what arrives, who works on it, how a record is guarded and what goes
//     wrong. Two engines read it, and both leave to schedule.go what starts when, and to summary.go what is counted.
//   - simulate.go: the first engine, discrete events in virtual time. contest.go: the same for contenders of one key, from
//     any state that a lock can be in, as forecasts ask for it. They know chance only if given some.
//   - player.go, playing.go: Player, the live engine: it takes and releases real locks through a Locker, as the workers of a
//     scenario would, for the demo, and reads and writes a Store between (store.go).
//   - capacity.go, recommend.go: the capacity model, by closed forms and by simulation, and what it recommends.
//
// What to put into a scenario so that it behaves like this is the package recipe beside this one.
//
// # One call, one hold
//
// A REST call that is sent at t takes effect in Redis at t + latency/2 and is answered at t + latency. An execution that
// starts at t and gets the lock therefore holds it in Redis for
//
//	H = section + latency       (from t + latency/2; what a watcher of Redis sees as the length of the hold)
//
// and is done, its release answered, after
//
//	C = section + 2 × latency = H + latency
//
// A denial is answered at t + latency, and the retry interval R counts from there, so that one waiter's retries are
// R + latency apart.
//
// # What it does not do
//
// But for Player nothing here does I/O, starts a goroutine or asks for the time, and no result depends on chance unless the
// caller brings it. A forecast does not know other work of the same scenario, on other locks, although Make.com lets it
// delay retries as well; a simulation of the whole scenario does.
package makecom
