package cli

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startChild starts a program that ends with this one, however that ends, and that the terminal's interrupt does not reach:
// it is needed until the last lock is released. ended is closed when it has ended.
func startChild(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done, started := make(chan struct{}), make(chan error)
	go func() {
		// The kernel takes the end of the thread that started it for the end of the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return done, <-started
}
