//go:build !unix

package audit

// Here the directory's access list, which the system makes the user's own, says who can read a file.

import "io/fs"

const private = false

const notFollowing = 0

func owned(string, fs.FileInfo) error { return nil }

func linksOf(fs.FileInfo) uint64 { return 1 }
