package cli

// The root command: what locktop is, and which commands there are.

import (
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `locktop is htop for distributed locks in Redis: it shows every lock that is held
right now, by which owner, for how much longer, who is waiting and when each will
get in, and it releases a stuck lock without ever releasing the wrong one.

A lock is a key that exists while something is taken and whose value names the
owner: SET lock:customer_42 <owner> NX PX 15000. Without a command the dashboard
opens; the other commands are for scripts and for a quick look.`

const rootExample = `  locktop --url redis://cache:6379/0            the dashboard
  locktop list --all                            what is held and what is waited for
  locktop watch --json | jq .type               what happens, as it happens
  FENCE=$(locktop acquire lock:a --owner $$) && do-it; locktop release lock:a --owner $$`

// usageTemplate lists the shared flags once, with the root, so that a command's own stand out.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags{{if not .HasParent}} of every command{{end}}:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasParent}}

Flags of every command, such as --url: see locktop --help
{{else}}

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held by somebody else, 4 not held by
this owner, 5 outcome unknown, 130 interrupted.
Keys and owners that are not text are written as base64:…
{{end}}`

// maker makes one command; shared are the flags of every command that talks to Redis.
type maker func(e *env, shared *sharedFlags) *cobra.Command

// commands are in the order of the help.
var commands = []maker{
	newListCommand, newInspectCommand, newWatchCommand,
	newAcquireCommand, newExtendCommand, newReleaseCommand, newRunCommand,
	newForceReleaseCommand, newSeizeCommand, newUndoCommand, newAuditCommand,
	newModelCommand, newRecipeCommand, newDemoCommand,
}

func init() { cobra.EnableCommandSorting = false } // the order of commands is ours

func newRootCommand(e *env) *cobra.Command {
	shared := &sharedFlags{}
	root := &cobra.Command{
		Use:           "locktop",
		Short:         "htop for distributed locks in Redis",
		Long:          rootLong,
		Example:       rootExample,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
				return usage("there is no command %q; did you mean %s?", args[0], strings.Join(similar, " or "))
			}
			return usage("there is no command %q", args[0])
		},
		PersistentPreRun: func(*cobra.Command, []string) { e.began = true },
		RunE:             func(c *cobra.Command, _ []string) error { return e.dashboard(c.Context(), shared) },
	}
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%s", err) })
	root.Flags().SortFlags = false
	shared.register(root.PersistentFlags())
	for _, newCommand := range commands {
		root.AddCommand(newCommand(e, shared))
	}
	root.SetUsageTemplate(usageTemplate)
	nameShell(root)
	return root
}

// nameShell makes completion without a shell, or for one that nobody knows, wrong usage
// rather than a page of help.
func nameShell(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "the completion script for a shell"
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(*cobra.Command, []string) error {
				return usage("which shell? bash, zsh, fish or powershell")
			}
		}
	}
}

// oneKey and noArguments check arguments; a wrong number of them is named in a line.
func oneKey(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usage("which lock? Give its key: locktop %s KEY", c.Name())
	case len(args) > 1:
		return usage("%s takes one key, and %q is one too many", c.Name(), args[1])
	}
	return nil
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, and %q is one", c.Name(), args[0])
	}
	return nil
}
