// Package watcher turns what happens to locks in Redis into a table that can be asked.
//
// A Source turns something outside into Events. The Table is a reducer: it applies
// events and does nothing else, so the same events give the same table. A View is a
// function of table, query and now. Live joins the three for one running source.
//
// State comes from reading, history from events: what a source emits is what it read,
// with the cause it was told. Differences that no notification explained are marked as
// inferred. Where events may have been missed there is a gap event, then the differences,
// then resynced; whoever applies all events in order has the server's picture.
//
// A table holds a million locks: what orders them lies in columns, a view builds the rows of its window
// and no others, and what is remembered of the past is bounded for all locks together.
//
// Keys, owners, reasons and server messages are data that somebody else chose. They come
// in as Text, made safe once, and only their safe form is ever drawn.
//
// Forecasts of waiters are makecom's, asked for by the table of what it knows (forecast.go), and compared with what happens
// (scoring.go, score.go).
//
// The packages below are the sources (keyspace) and what is known of the clients whose
// work comes back after a denial (makecom).
package watcher
