// Package dashboard is the terminal dashboard: every lock that is held or awaited, for how
// much longer, who waits and when each will get in; and the dialog that ends a stuck hold.
//
// One model takes all messages (model.go, input.go). It asks a table of locks for a snapshot
// (snapshot.go) at most five times a second, in a command, so that neither the number of
// locks nor the number of events ever reaches the event loop. What draws (header.go, table.go,
// details.go, events.go, dialog.go, help.go) are plain functions of the model: they keep
// nothing and do no I/O. layout.go says what goes where, style.go how it looks, text.go how
// it is cut to fit, screen.go how a frame gets to the terminal in one piece.
//
// Rules that it keeps:
//   - The selection belongs to a lock, not to a row. A forced release is for the hold that was
//     shown when its dialog opened, and is checked against the live one all the while.
//   - Only the safe form of data from outside is drawn.
//   - A figure that nobody records is "?", never 0; a picture that is old says so.
//   - It draws on the terminal's own background and never asks the terminal anything.
package dashboard
