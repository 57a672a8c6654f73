//go:build !unix

package cli

// A command where there are neither process groups nor signals: it is ended by ending it.

import (
	"os"
	"os/exec"
	"time"
)

// passedOn are the signals that locktop survives. The system gives Ctrl+C to the command by itself.
var passedOn = []os.Signal{os.Interrupt}

// child is a command that was started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func openTerminal() *os.File { return nil }

// start starts a command.
func (e *env) start(cmd *exec.Cmd) (*child, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		cmd.Wait()
	}()
	return c, nil
}

func (c *child) pass(os.Signal) {}

// stop ends the command. There is no way to ask it to.
func (c *child) stop(time.Duration, <-chan os.Signal) {
	c.cmd.Process.Kill()
	<-c.ended
}

func (c *child) code() int { return c.cmd.ProcessState.ExitCode() }
