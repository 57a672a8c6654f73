package cli

import "syscall"

// endWithUs has the kernel tell the command to end when locktop is gone without a chance to do so.
func endWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGTERM }
