package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatehouse/server/gate"
	"gatehouse/store/mongo"
)

// newCheckCommand makes `gatehouse check`.
func newCheckCommand(e *environment) *cobra.Command {
	var strict bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, and what its patterns let in",
		Long: `Check loads the configuration, prints every problem with its key, and examines the
patterns of approvedSocketDomains: where one approves more than it seems to, it
names an origin that would get in.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			if cfg.Store.Kind == "mongodb" {
				if err := mongo.Check(cfg.MongoDB.URI); err != nil {
					return err
				}
			}
			g, err := gate.New(cfg.Websocket.ApprovedSocketDomains)
			if err != nil {
				return err
			}
			warnings := g.Lint()
			for _, w := range warnings {
				_, _ = fmt.Fprintf(e.stdout, "%s: websocket.approvedSocketDomains[%d]: %s\n", e.configPath, w.Index, w.Message)
			}
			if len(cfg.Websocket.ApprovedSocketDomains) == 0 {
				_, _ = fmt.Fprintf(e.stdout, "%s: websocket.approvedSocketDomains: is empty: no origin is approved\n", e.configPath)
			}
			if len(warnings) > 0 && strict {
				return errRefused
			}
			_, _ = fmt.Fprintf(e.stdout, "%s: ok\n", e.configPath)
			return nil
		},
	}
	c.Flags().BoolVar(&strict, "strict", false, "fail where a pattern approves more than it seems to")
	return c
}
