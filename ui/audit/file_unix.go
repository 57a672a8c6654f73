//go:build unix

package audit

// Whose a file is, and how not to follow a link to somebody else's.

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private: the mode of a file says who can read it.
const private = true

// notFollowing opens no symbolic link, and does not wait for the other end of a pipe.
const notFollowing = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func owned(path string, info fs.FileInfo) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", path, s.Uid)
	}
	return nil
}

// linksOf is how many names a file has.
func linksOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}
