package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gatehouse/store"
)

var _ store.Examiner = (*Store)(nil)

// Examine implements store.Examiner: it reads the whole file, as [Store.Check]
// does.
func (s *Store) Examine(ctx context.Context) []store.Finding {
	file := store.Finding{Subject: "file", Verdict: store.Good, Text: s.path + " is whole"}
	if info, err := os.Stat(s.path); err == nil {
		file.Text = fmt.Sprintf("%s is whole (%.1f MiB)", s.path, float64(info.Size())/(1<<20))
	}
	if err := s.Check(ctx); err != nil {
		file.Verdict, file.Text = store.Bad, fmt.Sprintf("%s: %v", s.path, err)
		file.Remedy = "put a backup in its place"
		if !errors.Is(err, ErrDamaged) {
			file.Remedy = "see that this user can read it"
		}
	}
	oldest, head := s.tail.reach()
	history := store.Finding{Subject: "history", Verdict: store.Good, Text: fmt.Sprintf("%d changes are kept for those who return", head+1-oldest)}
	return []store.Finding{file, history}
}
