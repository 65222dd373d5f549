package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatehouse/server/gate"
)

// newOriginCommand makes `gatehouse origin`.
func newOriginCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "origin ORIGIN...",
		Short:   "Say whether origins are approved, and why",
		Example: "  gatehouse origin https://example.com trusted-host",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, origins []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			g, err := gate.New(cfg.Websocket.ApprovedSocketDomains)
			if err != nil {
				return err
			}
			var refused error
			for _, o := range origins {
				v := g.Judge([]string{o}, gate.RejectMissing)
				_, _ = fmt.Fprintln(e.stdout, v)
				if !v.Approved {
					refused = errRefused
				}
			}
			return refused
		},
	}
}
