//go:build !unix

package cli

import "os"

// readerGone is not to be had here: a write will tell.
func readerGone(*os.File) <-chan struct{} { return nil }
