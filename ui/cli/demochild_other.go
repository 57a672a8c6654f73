//go:build !linux

package cli

import "os/exec"

// startChild starts a program. ended is closed when it has ended.
func startChild(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait()
	}()
	return done, nil
}
