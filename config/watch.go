package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file is left alone after it changed: editors write in
// several steps, and what lies between them is not meant.
const settle = 100 * time.Millisecond

// Watch follows the file until ctx ends, and then returns nil. It sees a file
// that is edited in place, replaced by rename, or reached through a symbolic
// link that is swapped, as Kubernetes does with its volumes. The file's folder
// and that of the file it links to must exist when Watch begins.
//
// current is the configuration that is in force. When the file's content
// changes, or has changed since current was loaded, apply is called with the
// one in force and the new one, which is in force from then on; refuse is
// called when the new one has problems, with the [*Error], and the old one
// stays. Content that amounts to the same configuration calls nothing.
//
// Whatever comes from kick means: load again now. It always calls one of the
// two, so that who asked sees an answer, and it is the way to take over a
// changed _FILE, or a file on a file system that does not tell of changes.
// Closing kick ends its use, not the watch.
//
// An error means that the file cannot be watched, or no longer.
func (s Source) Watch(ctx context.Context, current *Config, kick <-chan struct{}, apply func(old, new *Config), refuse func(error)) error {
	l := &reloader{source: s, current: current, apply: apply, refuse: refuse}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("config: watch %s: %w", s.Path, err)
	}
	defer w.Close()
	names, err := s.follow(w)
	if err != nil {
		return err
	}
	l.fileChanged() // between Load and now

	// Not pushed back by further events: in a busy folder it would never end.
	var settled <-chan time.Time
	touched := func() {
		if settled == nil {
			settled = time.After(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-kick:
			if !open {
				kick = nil
				continue
			}
			l.reload()
		case event, open := <-w.Events:
			if !open {
				return fmt.Errorf("config: watch %s: the watch ended", s.Path)
			}
			if concerns(event, names) {
				touched()
			}
		case err, open := <-w.Errors:
			if !open {
				return fmt.Errorf("config: watch %s: the watch ended", s.Path)
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("config: watch %s: %w", s.Path, err)
			}
			touched() // too many to tell: look
		case <-settled:
			settled = nil
			// A link may lead elsewhere by now. A folder that is gone leaves the
			// watch on the others.
			if fresh, err := s.follow(w); err == nil {
				names = fresh
			}
			l.fileChanged()
		}
	}
}

// follow watches the folders of the file and of what it links to, and returns
// both names of the file. A folder is watched rather than the file, since a
// file that is replaced takes its watch along.
func (s Source) follow(w *fsnotify.Watcher) ([]string, error) {
	if s.Path == "" {
		return nil, nil
	}
	names := []string{filepath.Clean(s.Path)}
	if target, err := filepath.EvalSymlinks(s.Path); err == nil && target != names[0] {
		names = append(names, target)
	}
	for _, name := range names {
		if err := w.Add(filepath.Dir(name)); err != nil {
			return nil, fmt.Errorf("config: watch %s: %w", s.Path, err)
		}
	}
	return names, nil
}

// concerns tells whether an event can mean that the file changed. Writes to
// other files cannot, and there may be thousands of them in a second: by default
// the store's file lies in the same folder. Any other event may be the
// swap of a link.
func concerns(event fsnotify.Event, names []string) bool {
	if event.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 {
		return true
	}
	for _, name := range names {
		if filepath.Clean(event.Name) == name {
			return true
		}
	}
	return false
}

// reloader holds what is in force and decides what a look at the file means.
type reloader struct {
	source  Source
	current *Config
	seen    []byte // the content that was last judged; nil when it could not be read
	looked  bool   // whether there was a first look
	apply   func(old, new *Config)
	refuse  func(error)
}

// fileChanged loads the file if its content is not the one last judged, and
// tells nobody when that makes no difference.
func (l *reloader) fileChanged() {
	content, err := l.source.read()
	if l.looked && bytes.Equal(content, l.seen) && (content == nil) == (l.seen == nil) {
		return
	}
	next, err := l.judge(content, err)
	switch {
	case err != nil:
		l.refuse(err)
	case !reflect.DeepEqual(l.current, next):
		l.take(next)
	}
}

// reload loads the file whatever it holds, and always tells the outcome.
func (l *reloader) reload() {
	next, err := l.judge(l.source.read())
	if err != nil {
		l.refuse(err)
		return
	}
	l.take(next)
}

func (l *reloader) judge(content []byte, err error) (*Config, error) {
	l.looked, l.seen = true, content
	return l.source.build(content, err)
}

func (l *reloader) take(next *Config) {
	old := l.current
	l.current = next
	l.apply(old, next)
}
