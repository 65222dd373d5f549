package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gatehouse/server/control"
)

// newReloadCommand makes `gatehouse reload`.
func newReloadCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have a running server take the configuration over anew",
		Long: `Reload is SIGHUP with an answer: what is wrong with the configuration as the server
reads it now is printed, and the old one stays.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			server, err := control.Dial(c.Context(), cfg.Control.Socket)
			if errors.Is(err, control.ErrNoServer) {
				return fmt.Errorf("no server answers on %s", cfg.Control.Socket)
			}
			if err != nil {
				return err
			}
			return server.Reload(c.Context())
		},
	}
}
