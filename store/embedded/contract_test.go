package embedded_test

import (
	"context"
	"path/filepath"
	"testing"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/store/storetest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	beTheChild()
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{})
	}, nil)
}

// open opens a store that is closed with the test. Then its file must be whole.
func open(t *testing.T, path string, options embedded.Options) *embedded.Store {
	t.Helper()
	s := openOnly(t, path, options)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		s := openOnly(t, path, options)
		if err := s.Check(context.Background()); err != nil { // the test's own has ended
			t.Errorf("Check: %v", err)
		}
		must(t, s.Close())
	})
	return s
}

func openOnly(t *testing.T, path string, options embedded.Options) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
