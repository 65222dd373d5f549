package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// outcome is one call of Watch: to apply, or to refuse.
type outcome struct {
	old, new *Config
	err      error
}

// watched is a running Watch.
type watched struct {
	t        *testing.T
	kick     chan struct{}
	outcomes chan outcome
}

// watch loads the file and follows it until the test ends.
func watch(t *testing.T, path string) *watched {
	t.Helper()
	s := Source{Path: path}
	return watchFrom(t, s, mustLoad(t, s))
}

func watchFrom(t *testing.T, s Source, current *Config) *watched {
	t.Helper()
	w := &watched{t: t, kick: make(chan struct{}), outcomes: make(chan outcome, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, current, w.kick,
			func(old, new *Config) { w.outcomes <- outcome{old: old, new: new} },
			func(err error) { w.outcomes <- outcome{err: err} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch = %v, want nil", err)
		}
	})
	return w
}

// next is the next call.
func (w *watched) next() outcome {
	w.t.Helper()
	select {
	case o := <-w.outcomes:
		return o
	case <-time.After(20 * time.Second):
		w.t.Fatal("no change was noticed")
		return outcome{}
	}
}

// nextPort waits for a change and checks the ports before and after. It passes
// over refusals: on a busy machine a file may be seen half written.
func (w *watched) nextPort(old, new int) {
	w.t.Helper()
	o := w.next()
	for o.err != nil {
		o = w.next()
	}
	if o.old.Websocket.Port != old || o.new.Websocket.Port != new {
		w.t.Fatalf("got %+v, want a change from port %d to %d", o, old, new)
	}
}

// answer kicks and waits for the answer, which shows that Watch is under way.
func (w *watched) answer(port int) {
	w.t.Helper()
	w.kick <- struct{}{}
	w.nextPort(port, port)
}

// replace renames a new file over the one at the path, as editors do.
func replace(t *testing.T, path, content string) {
	t.Helper()
	overwrite(t, path+".new", content)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestWatchEditInPlace(t *testing.T) {
	path := write(t, `{"port": 1}`)
	w := watch(t, path)
	w.answer(1)
	overwrite(t, path, `{"port": 2}`)
	w.nextPort(1, 2)
	overwrite(t, path, `{"port": 3}`)
	w.nextPort(2, 3)
}

func TestWatchReplaceByRename(t *testing.T) {
	path := write(t, `{"port": 1}`)
	w := watch(t, path)
	w.answer(1)
	replace(t, path, `{"port": 2}`)
	w.nextPort(1, 2)
	overwrite(t, path, `{"port": 3}`) // the new file is followed too
	w.nextPort(2, 3)
}

// Kubernetes: config.json -> ..data/config.json, ..data -> ..1, and ..data is
// replaced by rename.
func TestWatchSwappedLink(t *testing.T) {
	folder := t.TempDir()
	swap := func(version, content string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
		overwrite(t, filepath.Join(folder, version, "config.json"), content)
		if err := os.Symlink(version, filepath.Join(folder, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("..1", `{"port": 1}`)
	path := filepath.Join(folder, "config.json")
	if err := os.Symlink("..data/config.json", path); err != nil {
		t.Fatal(err)
	}
	w := watch(t, path)
	w.answer(1)
	swap("..2", `{"port": 2}`)
	w.nextPort(1, 2)
	if err := os.RemoveAll(filepath.Join(folder, "..1")); err != nil {
		t.Fatal(err)
	}
	swap("..3", `{"port": 3}`)
	w.nextPort(2, 3)
}

func TestWatchEditBehindALink(t *testing.T) {
	target := write(t, `{"port": 1}`)
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	w := watch(t, path)
	w.answer(1)
	overwrite(t, target, `{"port": 2}`)
	w.nextPort(1, 2)
}

func TestWatchInvalidThenValid(t *testing.T) {
	path := write(t, `{"port": 1}`)
	w := watch(t, path)
	w.answer(1)
	replace(t, path, `{"port": "x"}`)
	if o := w.next(); o.err == nil {
		t.Fatalf("got %+v, want a refusal", o)
	}
	replace(t, path, `{"port": 2}`)
	w.nextPort(1, 2) // from the one that stayed in force
}

func TestWatchFileGoneAndBack(t *testing.T) {
	path := write(t, `{"port": 1}`)
	w := watch(t, path)
	w.answer(1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if o := w.next(); o.err == nil {
		t.Fatalf("got %+v, want a refusal", o)
	}
	replace(t, path, `{"port": 2}`)
	w.nextPort(1, 2)
}

// What happened between Load and Watch is not lost.
func TestWatchSeesAnEarlierChange(t *testing.T) {
	path := write(t, `{"port": 1}`)
	s := Source{Path: path}
	current := mustLoad(t, s)
	overwrite(t, path, `{"port": 2}`)
	watchFrom(t, s, current).nextPort(1, 2)
}

func TestWatchKick(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "port")
	overwrite(t, secret, "1")
	s := Source{Environ: []string{"GATEHOUSE_WEBSOCKET__PORT_FILE=" + secret}}
	w := watchFrom(t, s, mustLoad(t, s))
	w.answer(1)
	overwrite(t, secret, "2")
	w.kick <- struct{}{}
	w.nextPort(1, 2)
	overwrite(t, secret, "x")
	w.kick <- struct{}{}
	if o := w.next(); o.err == nil {
		t.Fatalf("got %+v, want a refusal", o)
	}
	overwrite(t, secret, "2")
	w.answer(2)
	close(w.kick) // ends nothing; the test's end checks that Watch ends by its context
}

func TestWatchWhatIsNotThere(t *testing.T) {
	s := Source{Path: filepath.Join(t.TempDir(), "none", "config.json")}
	if err := s.Watch(context.Background(), nil, nil, nil, nil); err == nil {
		t.Error("Watch of a missing folder = nil, want an error")
	}
}

// A look at the file that finds nothing new is silent; what was refused is
// refused once.
func TestReloaderIsSilent(t *testing.T) {
	path := write(t, `{"port": 1}`)
	s := Source{Path: path}
	var applied, refused int
	l := &reloader{
		source: s, current: mustLoad(t, s),
		apply: func(_, _ *Config) { applied++ }, refuse: func(error) { refused++ },
	}
	for i, step := range []struct {
		content          string
		applied, refused int
	}{
		{`{"port": 1}`, 0, 0},
		{`{"port": 1}`, 0, 0},
		{`{"port": 1} // the same`, 0, 0},
		{`{"port": 2}`, 1, 0},
		{`{"port": 2}`, 1, 0},
		{``, 1, 1},
		{``, 1, 1},
		{`{"port": 2}`, 1, 1},
		{`{"port": 1}`, 2, 1},
	} {
		overwrite(t, path, step.content)
		l.fileChanged()
		if applied != step.applied || refused != step.refused {
			t.Fatalf("step %d: applied %d, refused %d, want %+v", i, applied, refused, step)
		}
	}
}

func TestConcerns(t *testing.T) {
	names := []string{"/c/config.json", "/d/real.json"}
	for event, want := range map[fsnotify.Event]bool{
		{Name: "/c/config.json", Op: fsnotify.Write}:   true,
		{Name: "/d/real.json", Op: fsnotify.Write}:     true,
		{Name: "/c/gatehouse.db", Op: fsnotify.Write}:  false,
		{Name: "/c/gatehouse.db", Op: fsnotify.Chmod}:  false,
		{Name: "/c/..data", Op: fsnotify.Create}:       true,
		{Name: "/c/config.json", Op: fsnotify.Remove}:  true,
		{Name: "/c/./config.json", Op: fsnotify.Write}: true,
	} {
		if got := concerns(event, names); got != want {
			t.Errorf("concerns(%v) = %v, want %v", event, got, want)
		}
	}
}
