// Command locktop is htop for distributed locks in Redis.
package main

import (
	"os"

	"locktop/ui/cli"
	"locktop/ui/quiet"
)

func main() {
	quiet.Restore()
	os.Exit(cli.Main(os.Args[1:]))
}
