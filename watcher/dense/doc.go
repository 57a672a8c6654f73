// Package dense holds a million small things cheaply: in rows that are known by a number of
// four bytes, so that what refers to them is small, and no pointer for the garbage collector.
//
//   - Rows keeps values in chunks of one size: nothing is copied as it grows, no room is kept in
//     reserve, and a value stays where it is.
//   - Index finds a row by its key, which stays where the rows are. It takes some 5 bytes a slot,
//     7 to 14 a row, where a Go map from string to pointer takes over 40.
//   - Order keeps rows sorted, for 4 to 8 bytes each.
//
// Nothing here is safe for use by several goroutines at a time.
package dense
