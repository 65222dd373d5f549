package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"gatehouse/config"
	"gatehouse/server"
	"gatehouse/server/control"
	"gatehouse/store"
)

// newDoctorCommand makes `gatehouse doctor`.
func newDoctorCommand(e *environment) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine the store, and say what to do about what is wrong",
		Long: `Doctor looks at the store that the configuration names: of MongoDB the topology, the
version, the rights of the user, the pre-images, how far the oplog reaches back, and
how long a write takes to become an event; of the embedded store the whole file. Each
line has a verdict: ok, warning or bad. One that is bad makes the status 1.

While a server runs with this configuration, it is the one that looks.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			findings, err := e.examine(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(e.stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(findings)
			} else {
				printFindings(e.stdout, findings)
			}
			for _, f := range findings {
				if f.Verdict == store.Bad {
					return errors.Join(err, errRefused)
				}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printFindings(w io.Writer, findings []store.Finding) {
	for _, f := range findings {
		_, _ = fmt.Fprintf(w, "%-8s %s: %s\n", f.Verdict, f.Subject, f.Text)
		if f.Remedy != "" {
			_, _ = fmt.Fprintf(w, "%8s → %s\n", "", f.Remedy)
		}
	}
}

// examine has the store looked at: by the server, if one runs, or here.
func (e *environment) examine(ctx context.Context) ([]store.Finding, error) {
	cfg, err := e.source(nil).Load()
	if err != nil {
		return nil, err
	}
	running, err := control.Dial(ctx, cfg.Control.Socket)
	switch {
	case err == nil:
		return running.Examine(ctx)
	case !errors.Is(err, control.ErrNoServer):
		return nil, err
	}
	st, err := openStore(cfg, newLogger(io.Discard, config.Log{Level: "error"}, new(slog.LevelVar)))
	if err != nil {
		return nil, e.lockedHint(err, cfg)
	}
	findings := examineStore(ctx, cfg, st)
	return findings, st.Close()
}

// examineStore prepares the store as the server would, and has it looked at. What
// kept it from being prepared is a finding too.
func examineStore(ctx context.Context, cfg *config.Config, st store.Store) []store.Finding {
	err := st.Declare(ctx, server.Collections(settings(cfg).Rules...)...)
	if errors.Is(err, store.ErrUnavailable) {
		return []store.Finding{{
			Subject: "store", Verdict: store.Bad, Text: err.Error(),
			Remedy: "start it, or correct its address in the configuration",
		}}
	}
	findings := st.(store.Examiner).Examine(ctx)
	if err != nil && findings[0].Verdict != store.Bad {
		findings = append(findings, store.Finding{
			Subject: "collections", Verdict: store.Bad, Text: err.Error(),
			Remedy: "see to it that the server may make and change what it needs: docs/mongodb.md has the role",
		})
	}
	return findings
}
