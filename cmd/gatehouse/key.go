package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gatehouse/server/control"
	"gatehouse/store"
	"gatehouse/users/keys"
)

// newKeyCommand makes `gatehouse key`.
func newKeyCommand(e *environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke access keys",
		Long: `Access keys let programs do what an approved Origin alone may not. While a server
runs with this configuration these commands ask it over its control socket;
otherwise they open the store themselves.

Scopes:
` + scopeTable(),
	}
	c.AddCommand(newKeyCreateCommand(e), newKeyListCommand(e), newKeyRevokeCommand(e))
	return c
}

func scopeTable() string {
	var b strings.Builder
	for _, s := range keys.Scopes {
		fmt.Fprintf(&b, "  %-15s %s\n", s.Name, s.Meaning)
	}
	return b.String()
}

func newKeyCreateCommand(e *environment) *cobra.Command {
	var name string
	var scopes []string
	c := &cobra.Command{
		Use:     "create",
		Short:   "Make a key and print it, once",
		Example: "  gatehouse key create --name dashboards --scopes read:events,write:events",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return e.withKeys(c.Context(), func(ctx context.Context, k control.Keys) error {
				_, token, err := k.Create(ctx, name, scopes)
				if errors.Is(err, keys.ErrInvalid) {
					return usageError{err}
				}
				if err != nil {
					return err
				}
				// The key alone, so that it can be piped; the store keeps only
				// its hash, so a key that was not printed is of no use.
				if _, err := fmt.Fprintln(e.stdout, token); err != nil {
					return errors.Join(fmt.Errorf("the key could not be printed, and was revoked: %w", err), k.Revoke(ctx, name))
				}
				e.complain("This key is shown once. Send it as Authorization: Bearer, or in users-api-key.")
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the key is for; no two keys share a name")
	c.Flags().StringSliceVar(&scopes, "scopes", nil, "what it may do, separated by commas")
	// cobra's own check of required flags would not count as a usage error.
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, f := range []string{"name", "scopes"} {
			if !c.Flags().Changed(f) {
				return usageError{fmt.Errorf("--%s is missing; see %s --help", f, c.CommandPath())}
			}
		}
		return nil
	}
	return c
}

func newKeyListCommand(e *environment) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return e.withKeys(c.Context(), func(ctx context.Context, k control.Keys) error {
				list, err := k.List(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					enc := json.NewEncoder(e.stdout)
					enc.SetIndent("", "  ")
					return enc.Encode(list)
				}
				w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "NAME\tID\tCREATED\tSCOPES")
				for _, key := range list {
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", key.Name, key.ID, key.CreatedOn.Format("2006-01-02 15:04 MST"), strings.Join(key.Scopes, ","))
				}
				return w.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newKeyRevokeCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "End a key, by its name or its id",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.withKeys(c.Context(), func(ctx context.Context, k control.Keys) error { return k.Revoke(ctx, args[0]) })
		},
	}
}

// withKeys does something with the keys: at the server, if one runs, or in the
// store.
func (e *environment) withKeys(ctx context.Context, do func(context.Context, control.Keys) error) error {
	cfg, err := e.source(nil).Load()
	if err != nil {
		return err
	}
	server, err := control.Dial(ctx, cfg.Control.Socket)
	switch {
	case err == nil:
		return do(ctx, server)
	case !errors.Is(err, control.ErrNoServer):
		return err
	}
	return e.withStore(ctx, cfg, func(ctx context.Context, st store.Store) error { return do(ctx, keys.New(st)) })
}
