package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/config"
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
names an origin that would get in. It says what is announced by the deployment's
own rules, and examines the texts of mails.`,
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
			warned := len(warnings) > 0
			for _, w := range warnOfUsers(cfg, g) {
				warned = true
				_, _ = fmt.Fprintf(e.stdout, "%s: %s\n", e.configPath, w)
			}
			if _, err := mailer(cfg.Mail); err != nil {
				return err
			}
			for i, r := range cfg.Events.Rules {
				_, _ = fmt.Fprintf(e.stdout, "%s: events.rules[%d]: %s\n", e.configPath, i, describeRule(r))
			}
			if warned && strict {
				return errRefused
			}
			_, _ = fmt.Fprintf(e.stdout, "%s: ok\n", e.configPath)
			return nil
		},
	}
	c.Flags().BoolVar(&strict, "strict", false, "fail where a pattern approves more than it seems to")
	return c
}

// warnOfUsers tells of settings of accounts that are valid, and not what anybody
// wants.
func warnOfUsers(cfg *config.Config, g *gate.Gate) (warnings []string) {
	if cfg.Users.BcryptCost < 10 {
		warnings = append(warnings, fmt.Sprintf("users.bcryptCost: %d is for tests: who steals the hashes tries many passwords a second", cfg.Users.BcryptCost))
	}
	if u, err := url.Parse(cfg.Users.URL); err == nil && u.Host != "" {
		if origin := u.Scheme + "://" + u.Host; !g.Judge([]string{origin}, gate.RejectMissing).Approved {
			warnings = append(warnings, fmt.Sprintf("users.url: its origin %s is not approved by websocket.approvedSocketDomains: the page where a new password is chosen cannot send it", origin))
		}
	}
	if cfg.Users.Activation == "email" && cfg.Mail.Host == "" {
		warnings = append(warnings, `users.activation: is "email", but mail.host is empty: links are only logged`)
	}
	return warnings
}

// describeRule says what a rule announces.
func describeRule(r config.Rule) string {
	what := map[string]string{
		"insert": "a document that is inserted into %s",
		"update": "a document that is changed in %s",
		"delete": "a document that is removed from %s",
		"any":    "each change of a document of %s",
	}[r.Operation]
	s := fmt.Sprintf("%d %s announces "+what, r.Number, r.Name, r.Collection)
	if len(r.Fields) > 0 {
		s += ", where " + strings.Join(r.Fields, " or ") + " was touched"
	}
	for _, path := range slices.Sorted(maps.Keys(r.Where)) {
		s += fmt.Sprintf(", where %s is %v", path, r.Where[path])
	}
	if names := slices.Sorted(maps.Keys(r.Properties)); len(names) > 0 {
		s += ", with " + strings.Join(names, ", ")
	}
	if r.Username != "" {
		s += ", about the user named in " + r.Username
	}
	return s
}
