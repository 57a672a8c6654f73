//go:build unix

package cli

// Noticing that the reader of a pipe went away, also while there is nothing to write:
// else "locktop watch | head -5" would stay until the sixth event.

import (
	"os"

	"golang.org/x/sys/unix"
)

// readerGone gives a channel that is closed when nobody can read the file any more; nil if
// it is not a pipe.
func readerGone(f *os.File) <-chan struct{} {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return nil
	}
	gone := make(chan struct{})
	go func() {
		for {
			// No events asked for: only errors and hang-ups are reported, and they always are.
			fds := []unix.PollFd{{Fd: int32(f.Fd())}}
			n, err := unix.Poll(fds, -1)
			switch {
			case err == unix.EINTR || n == 0 && err == nil:
			case err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
				close(gone)
				return
			default:
				return
			}
		}
	}()
	return gone
}
