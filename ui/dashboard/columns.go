package dashboard

// The columns: which of them fit a width, and how wide each is.
//
// What is most needed is placed first, each at its least width; what is left goes to
// keys and owners until they show in full, then to bars.

import (
	"locktop/watcher"
)

type columnKind int

const (
	colLock columnKind = iota
	colOwner
	colHeld
	colBar
	colTTL
	colWaiting
	colDenied
	colRetry
	colClears
	colState
	columnKinds
)

// column is one kind of column: its heading, what it sorts by, its least width.
type column struct {
	heading string
	sort    watcher.Column
	least   int
	left    bool // aligned
}

var columns = [columnKinds]column{
	colLock:    {"LOCK", watcher.ByLock, 10, true},
	colOwner:   {"OWNER", watcher.ByOwner, 8, true},
	colHeld:    {"HELD", watcher.ByHeld, 6, false},
	colBar:     {"", "", 6, true},
	colTTL:     {"TTL", watcher.ByTTL, 7, false},
	colWaiting: {"WAIT", watcher.ByWaiting, 5, false},
	colDenied:  {"DENIED", watcher.ByDenied, 7, false},
	colRetry:   {"NEXT", watcher.ByRetry, 6, false},
	colClears:  {"CLEARS", watcher.ByClears, 8, false},
	colState:   {"STATE", watcher.ByState, 9, true},
}

const (
	marker    = 2 // "> " before each row
	columnGap = 1
	easyLock  = 19
	easyOwner = 13
	wideBar   = 12
)

// columnsIn gives the width of each column for a table of w cells; 0 leaves it out.
func columnsIn(w, keyWidth, ownerWidth int) [columnKinds]int {
	var got [columnKinds]int
	left := w - marker
	add := func(kind columnKind) {
		if need := columns[kind].least + columnGap; need <= left {
			got[kind] = columns[kind].least
			left -= need
		}
	}
	grow := func(kind columnKind, to int) {
		if more := min(to-got[kind], left); got[kind] > 0 && more > 0 {
			got[kind] += more
			left -= more
		}
	}
	left += columnGap // none before the first
	for _, kind := range []columnKind{colLock, colState, colTTL, colOwner} {
		add(kind)
	}
	if got[colOwner] == 0 {
		grow(colLock, max(keyWidth, columns[colLock].least))
		return got
	}
	add(colWaiting)
	add(colHeld)
	add(colRetry)
	grow(colLock, min(easyLock, max(keyWidth, 12)))
	add(colBar)
	grow(colOwner, min(easyOwner, max(ownerWidth, 8)))
	add(colDenied)
	add(colClears)
	grow(colLock, min(keyWidth, 32))
	grow(colOwner, min(ownerWidth, 32))
	// What is long gets what is left, the key first, but not all of it.
	grow(colLock, min(keyWidth, got[colLock]+left*2/3))
	grow(colOwner, ownerWidth)
	grow(colLock, keyWidth)
	grow(colBar, wideBar)
	return got
}
