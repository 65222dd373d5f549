package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"gatehouse/config"
	"gatehouse/server/control"
	"gatehouse/store"
	"gatehouse/users"
)

// newUserCommand makes `gatehouse user`.
func newUserCommand(e *environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Make, list, change, delete and import users",
		Long: `While a server runs with this configuration these commands ask it over its control
socket; otherwise they open the store themselves.

Passwords are asked for on the terminal, or read from standard input: one line. They
are never arguments, which other users of the machine can see.`,
	}
	c.AddCommand(newUserCreateCommand(e), newUserListCommand(e), newUserSetPasswordCommand(e), newUserDeleteCommand(e), newUserImportCommand(e))
	return c
}

func newUserCreateCommand(e *environment) *cobra.Command {
	var n users.NewUser
	var admin bool
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a user, who can log in at once",
		Example: `  gatehouse user create --username ann --email ann@example.com --admin
  gatehouse user create --username bob --email bob@example.com < password.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			if n.Password, err = e.newPassword(c.InOrStdin(), n.Username); err != nil {
				return err
			}
			return e.withUsers(c.Context(), cfg, func(ctx context.Context, u control.UserAdmin) error {
				made, err := u.Create(ctx, n, admin)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.stdout, "created %s (%s)\n", shown(made.Username), inWords(made.Privileges))
				return err
			})
		},
	}
	c.Flags().StringVar(&n.Username, "username", "", "the name; no two users share one")
	c.Flags().StringVar(&n.Email, "email", "", "the e-mail address; no two users share one")
	c.Flags().BoolVar(&admin, "admin", false, "make an administrator; the first is the super admin, who cannot be deleted")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, f := range []string{"username", "email"} {
			if !c.Flags().Changed(f) {
				return usageError{fmt.Errorf("--%s is missing; see %s --help", f, c.CommandPath())}
			}
		}
		return nil
	}
	return c
}

func newUserListCommand(e *environment) *cobra.Command {
	var search string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			return e.withUsers(c.Context(), cfg, func(ctx context.Context, u control.UserAdmin) error {
				if asJSON {
					enc := json.NewEncoder(e.stdout)
					enc.SetEscapeHTML(false)
					return eachUser(ctx, u, search, func(u users.User) error { return enc.Encode(listedOf(u)) })
				}
				w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "USERNAME\tEMAIL\tPRIVILEGES\tACTIVATED\tCREATED\tLAST LOGIN")
				if err := eachUser(ctx, u, search, func(u users.User) error { return printUser(w, u) }); err != nil {
					return err
				}
				return w.Flush()
			})
		},
	}
	c.Flags().StringVar(&search, "search", "", "only those whose name or address holds this text")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one user a line")
	return c
}

// eachUser does something with all users, a page at a time.
func eachUser(ctx context.Context, u control.UserAdmin, search string, do func(users.User) error) error {
	for skip := 0; ; skip += control.MaxPage {
		page, more, err := u.List(ctx, search, skip, control.MaxPage)
		if err != nil {
			return err
		}
		for _, found := range page {
			if err := do(found); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

func printUser(w io.Writer, u users.User) error {
	activated := "yes"
	if !u.Activated {
		activated = "no"
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n",
		shown(u.Username), shown(u.Email), inWords(u.Privileges), activated, moment(u.CreatedOn, "-"), moment(u.LastLoggedIn, "never"))
	return err
}

// listed is a user for programs, with the names that the server's HTTP has.
type listed struct {
	Username     string           `json:"username"`
	Email        string           `json:"email"`
	Privileges   users.Privileges `json:"privileges"`
	Activated    bool             `json:"activated"`
	CreatedOn    *string          `json:"createdOn"`
	LastLoggedIn *string          `json:"lastLoggedIn"`
}

func listedOf(u users.User) listed {
	at := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		s := t.UTC().Format(store.TimeLayout)
		return &s
	}
	return listed{u.Username, u.Email, u.Privileges, u.Activated, at(u.CreatedOn), at(u.LastLoggedIn)}
}

func moment(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

func inWords(p users.Privileges) string {
	switch p {
	case users.Super:
		return "super admin"
	case users.Admin:
		return "admin"
	}
	return "regular"
}

// shown is a text that somebody else chose, for a terminal: what it would take
// for an order is written out.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

func newUserSetPasswordCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "set-password NAME",
		Short: "Give a user another password, and end the user's sessions",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			password, err := e.newPassword(c.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			return e.withUsers(c.Context(), cfg, func(ctx context.Context, u control.UserAdmin) error {
				name, err := u.SetPassword(ctx, args[0], password)
				if err != nil {
					return unknownUser(err, args[0])
				}
				_, err = fmt.Fprintf(e.stdout, "%s has another password; the sessions that there were have ended\n", shown(name))
				return err
			})
		},
	}
}

func newUserDeleteCommand(e *environment) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a user, with the records of the user's files, buckets and sessions",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			if !yes {
				if err := e.confirm(c.InOrStdin(), args[0]); err != nil {
					return err
				}
			}
			return e.withUsers(c.Context(), cfg, func(ctx context.Context, u control.UserAdmin) error {
				name, err := u.Delete(ctx, args[0])
				if err != nil {
					return unknownUser(err, args[0])
				}
				_, err = fmt.Fprintf(e.stdout, "deleted %s\n", shown(name))
				return err
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask whether that is meant; needed where there is no terminal")
	return c
}

// confirm has the name of who is to be deleted typed once more.
func (e *environment) confirm(in io.Reader, name string) error {
	if _, ok := terminal(in); !ok {
		return usageError{errors.New("there is no terminal to ask on: say --yes if the user is to be deleted")}
	}
	_, _ = fmt.Fprintf(e.stderr, "This deletes %s, and the records of the user's files and buckets, for good. Type the name to go on: ", shown(name))
	typed, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	if strings.TrimSpace(typed) != name {
		return errors.New("that is another name; nothing was deleted")
	}
	return nil
}

func unknownUser(err error, name string) error {
	if errors.Is(err, users.ErrUnknown) {
		return fmt.Errorf("there is no user %q; gatehouse user list has all names", name)
	}
	return err
}

// withUsers does something with the users: at the server, if one runs, or in the
// store.
func (e *environment) withUsers(ctx context.Context, cfg *config.Config, do func(context.Context, control.UserAdmin) error) error {
	server, err := control.Dial(ctx, cfg.Control.Socket)
	switch {
	case err == nil:
		err = do(ctx, server.Users())
	case errors.Is(err, control.ErrNoServer):
		err = e.withStore(ctx, cfg, func(ctx context.Context, st store.Store) error {
			logger := newLogger(e.stderr, config.Log{Level: "warn", Format: cfg.Log.Format}, new(slog.LevelVar))
			return do(ctx, control.Administer(users.New(users.Options{Store: st, Logger: logger}, usersSettings(cfg.Users))))
		})
	}
	if invalid := (*users.InvalidError)(nil); errors.As(err, &invalid) {
		return usageError{err}
	}
	return err
}
