//go:build unix

package cli

// A command in a process group of its own, and what that means on a terminal.
//
// Only a group of its own can be stopped with all that it started and nothing else: the group
// that locktop itself is in may have the shell script in it that called it. But a terminal gives
// its keys and signals to one group, the foreground, and stops others that read from it. So:
//
//   - Where locktop is in the foreground, and reads from and writes to the terminal itself, the
//     command's group gets the terminal at once, and with it Ctrl+C, Ctrl+\ and the window's size.
//   - In a pipeline it does not, since "locktop run … | less" needs less in the foreground. If the
//     command wants the terminal after all, for a password say, it is stopped by SIGTTIN or
//     SIGTTOU; it is given the terminal then and goes on. Until then Ctrl+C reaches locktop, which
//     passes it on.
//   - When the command is stopped, by Ctrl+Z for example, locktop takes the terminal back and stops
//     its own group, so that the shell notices. When it goes on, it gives the terminal back.
//   - When the command has ended, locktop takes the terminal back.

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that the command gets to hear.
var passedOn = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}

// child is a command that was started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the command itself has ended
	state syscall.WaitStatus

	tty *os.File // the terminal, nil without one
	own int      // locktop's process group
}

// openTerminal opens the terminal that the process belongs to; nil if there is none.
func openTerminal() *os.File {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	return tty
}

// start starts a command.
func (e *env) start(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, ended: make(chan struct{}), own: unix.Getpgrp()}
	if e.terminal != nil {
		c.tty = e.terminal()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithUs(cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started it for the end of the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil && c.tty != nil {
			signal.Ignore(syscall.SIGTTOU) // else taking the terminal back would stop us; the command is started and has it as usual
			if e.inTerminal && e.outTerminal && c.foreground() == c.own {
				c.give(cmd.Process.Pid)
			}
		}
		started <- err
		if err == nil {
			c.follow()
		} else if c.tty != nil {
			c.tty.Close()
		}
	}()
	return c, <-started
}

// follow waits for the end of the command, and minds when it is stopped.
func (c *child) follow() {
	pid := c.cmd.Process.Pid
	continued := make(chan os.Signal, 1)
	if c.tty != nil {
		signal.Notify(continued, syscall.SIGCONT)
		defer signal.Stop(continued)
	}
	for {
		var state syscall.WaitStatus
		_, err := syscall.Wait4(pid, &state, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == nil && state.Stopped():
			if c.tty != nil {
				c.stopped(state.StopSignal(), continued)
			}
			continue
		}
		c.state = state
		break
	}
	if c.tty != nil {
		if c.foreground() == pid {
			c.give(c.own)
		}
		c.tty.Close()
		signal.Reset(syscall.SIGTTOU)
	}
	c.cmd.Wait() // it finds no child any more, and waits for what is still to be copied
	close(c.ended)
}

// stopped minds a command that was stopped by a signal.
func (c *child) stopped(by syscall.Signal, continued <-chan os.Signal) {
	pid, wants := c.cmd.Process.Pid, by == syscall.SIGTTIN || by == syscall.SIGTTOU
	select {
	case <-continued: // of an earlier time
	default:
	}
	switch front := c.foreground(); {
	case wants && front == pid: // it asked before it was given the terminal
	case wants && front == c.own:
		c.give(pid)
	default:
		if front == pid {
			c.give(c.own)
		}
		syscall.Kill(0, syscall.SIGTSTP) // us too, and whoever is in our pipeline
		timer := time.NewTimer(stopNoticed)
		select {
		case <-continued:
		case <-timer.C: // nobody is there to stop for: a process without a shell cannot be stopped like this
		}
		timer.Stop()
		if front == pid && c.foreground() == c.own {
			c.give(pid)
		}
	}
	c.send(syscall.SIGCONT)
}

// stopNoticed is how long to wait for being continued. It does not pass while we are stopped.
const stopNoticed = 500 * time.Millisecond

// foreground is the process group that has the terminal.
func (c *child) foreground() int {
	group, err := unix.IoctlGetInt(int(c.tty.Fd()), unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return group
}

func (c *child) give(group int) { unix.IoctlSetPointerInt(int(c.tty.Fd()), unix.TIOCSPGRP, group) }

// send sends a signal to the command and all that it started; false if nobody is left.
func (c *child) send(s syscall.Signal) bool {
	return syscall.Kill(-c.cmd.Process.Pid, s) != syscall.ESRCH
}

// pass passes a signal on.
func (c *child) pass(s os.Signal) {
	if number, ok := s.(syscall.Signal); ok {
		c.send(number)
	}
}

// groupLook is how often a group is looked at that was told to end.
const groupLook = 20 * time.Millisecond

// stop ends the command and all that it started: by TERM, and by KILL when the grace is over.
// Signals that come meanwhile are passed on.
func (c *child) stop(grace time.Duration, signals <-chan os.Signal) {
	c.send(syscall.SIGTERM)
	c.send(syscall.SIGCONT) // what is stopped would not hear it
	limit := time.NewTimer(grace)
	defer limit.Stop()
	look := time.NewTicker(groupLook)
	defer look.Stop()
	for left := true; left; {
		select {
		case s := <-signals:
			c.pass(s)
		case <-look.C:
			left = c.send(0)
		case <-limit.C:
			c.send(syscall.SIGKILL)
			left = false
		}
	}
	<-c.ended
}

// code is what a shell would say of the end: its exit code, or 128 + the signal that ended it.
func (c *child) code() int {
	if c.state.Signaled() {
		return 128 + int(c.state.Signal())
	}
	return c.state.ExitStatus()
}
