package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/config"
	"gatehouse/store/mongo"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // refused or failed
	exitUsage  = 2 // the configuration or the command line is wrong
)

// environment is what commands share.
type environment struct {
	environ        []string
	stdout, stderr io.Writer
	configPath     string
}

// source is where the configuration comes from.
func (e *environment) source(flags map[string]any) config.Source {
	return config.Source{Path: e.configPath, Environ: e.environ, Flags: flags}
}

// refused ends a command that has said what it had to say with a status of 1.
var errRefused = errors.New("refused")

// usageError is a command line that cannot be followed.
type usageError struct{ error }

// run follows a command line and returns the exit status.
func run(args, environ []string, stdout, stderr io.Writer) int {
	e := &environment{environ: environ, stdout: stdout, stderr: stderr}
	root := newRootCommand(e)
	root.SetArgs(args)
	return e.status(root.ExecuteContext(context.Background()))
}

func newRootCommand(e *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "An origin-gated users event server",
		Long: `Gatehouse checks the Origin of every socket against a list of patterns, and tells
the approved ones what happens to users, as numbered JSON events.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.PersistentFlags().StringVar(&e.configPath, "config", e.defaultConfig(), "the configuration file (also GATEHOUSE_CONFIG)")
	_ = root.MarkPersistentFlagFilename("config", "json", "jsonc")
	for _, c := range []*cobra.Command{
		newServeCommand(e),
		newCheckCommand(e),
		newOriginCommand(e),
		newKeyCommand(e),
		newUserCommand(e),
		newReloadCommand(e),
		newDoctorCommand(e),
		newVersionCommand(e),
	} {
		root.AddCommand(c)
	}
	// cobra's own commands, before it would add them by itself.
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	usageOfArgs(root)
	return root
}

// usageOfArgs makes arguments that are missing, too many or unknown an error of
// usage in every command.
func usageOfArgs(c *cobra.Command) {
	check := c.Args
	if c.HasSubCommands() {
		// Without this a misspelt subcommand would print help and succeed.
		check = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs a command: %s", c.CommandPath(), names(c))
			}
			return fmt.Errorf("there is no command %q; there are %s", args[0], names(c))
		}
		c.RunE = func(*cobra.Command, []string) error { return nil } // check has the last word
	}
	if check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageOfArgs(sub)
	}
}

func names(c *cobra.Command) string {
	var all []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, sub.Name())
		}
	}
	return strings.Join(all, ", ")
}

func (e *environment) defaultConfig() string {
	for _, v := range e.environ {
		if path, ok := strings.CutPrefix(v, "GATEHOUSE_CONFIG="); ok && path != "" {
			return path
		}
	}
	return "config.json"
}

// status says to people what went wrong, and to programs with a number.
func (e *environment) status(err error) int {
	var problems *config.Error
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitFailed
	case errors.As(err, &problems):
		for _, p := range problems.Problems {
			e.complain(p.String())
		}
		return exitUsage
	case errors.As(err, &usage):
		e.complain("gatehouse: " + err.Error())
		return exitUsage
	}
	e.complain("gatehouse: " + err.Error())
	if errors.Is(err, mongo.ErrURI) {
		return exitUsage
	}
	return exitFailed
}

func (e *environment) complain(line string) { _, _ = fmt.Fprintln(e.stderr, line) }
