package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"gatehouse/server/control"
)

func newUserImportCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE|-",
		Short: "Take over the users of the original server, with their passwords",
		Long: `Import reads the documents that mongoexport has written of the original server's
collection users, one a line; - is standard input. Each is taken over with its password
hash, or refused: then the reason is printed, and the rest goes on. What was imported
once is refused as taken the next time, so that a file can be imported again.`,
		Example: `  mongoexport --uri mongodb://old.example.com/db --collection users --out users.jsonl
  gatehouse user import users.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := e.source(nil).Load()
			if err != nil {
				return err
			}
			in := c.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return e.withUsers(c.Context(), cfg, func(ctx context.Context, u control.UserAdmin) error {
				i := importing{e: e, users: u, file: args[0]}
				err := i.all(ctx, in)
				_, printErr := fmt.Fprintf(e.stdout, "imported %d, refused %d\n", i.imported, i.refused)
				if err == nil && i.refused > 0 {
					err = errRefused
				}
				return errors.Join(err, printErr)
			})
		},
	}
}

// importing is an import on its way.
type importing struct {
	e     *environment
	users control.UserAdmin
	file  string

	batch             [][]byte
	numbers           []int // of the lines in the batch
	bytes             int
	imported, refused int
}

func (i *importing) all(ctx context.Context, in io.Reader) error {
	for l, err := range lines(in, control.MaxLine) {
		switch {
		case err != nil:
			return errors.Join(i.flush(ctx), fmt.Errorf("%s:%d: the file cannot be read: %w", i.file, l.number, err))
		case l.long:
			if err := i.flush(ctx); err != nil {
				return err
			}
			i.refuse(l.number, "", fmt.Sprintf("the line is longer than %d MiB", control.MaxLine>>20))
			continue
		case len(bytes.TrimSpace(l.text)) == 0:
			continue
		case len(i.batch) == control.MaxBatch || len(i.batch) > 0 && i.bytes+len(l.text) > control.MaxBatchBytes:
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
		i.batch, i.numbers, i.bytes = append(i.batch, l.text), append(i.numbers, l.number), i.bytes+len(l.text)
	}
	return i.flush(ctx)
}

// flush imports what has been gathered. Where something else is wrong than the
// documents, it ends the import.
func (i *importing) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	batch, numbers := i.batch, i.numbers
	i.batch, i.numbers, i.bytes = nil, nil, 0
	results, err := i.users.Import(ctx, batch)
	if err != nil {
		return fmt.Errorf("%s: the import ended at the lines %d to %d, some of which may have been imported: %w; %s", i.file, numbers[0], numbers[len(numbers)-1], err, resume)
	}
	var failed error
	for at, r := range results {
		switch {
		case r.Err == nil:
			i.imported++
		case r.Refused():
			i.refuse(numbers[at], r.Username, r.Err.Error())
		case failed == nil && !errors.Is(r.Err, control.ErrNotTried):
			failed = fmt.Errorf("%s:%d: the import ended here: %w; %s", i.file, numbers[at], r.Err, resume)
		}
	}
	return failed
}

const resume = "import the file again once that is mended: those that were imported are refused as taken"

func (i *importing) refuse(number int, username, why string) {
	i.refused++
	whose := ""
	if username != "" && !private.MatchString(username) {
		whose = shown(username) + ": "
	}
	i.e.complain(fmt.Sprintf("%s:%d: %s%s", i.file, number, whose, shown(private.ReplaceAllString(why, "…"))))
}

// private is what could be an address or a bcrypt hash: names of properties are
// chosen by others, and reasons have them.
var private = regexp.MustCompile(`[^\s<>()\[\]"',;:@]+@[^\s<>()\[\]"',;:@]+|\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]*`)

// numbered is a line of a file, without its end.
type numbered struct {
	number int
	text   []byte
	long   bool // it is longer than can be; there is no text
}

// lines reads lines of at most so many bytes, and skips what is longer. A mark of
// the byte order before the first one is left out. An error ends it; its line is
// the last that was begun.
func lines(in io.Reader, limit int) iter.Seq2[numbered, error] {
	return func(yield func(numbered, error) bool) {
		r := bufio.NewReaderSize(in, 64<<10)
		for number := 1; ; number++ {
			l := numbered{number: number}
			for {
				part, err := r.ReadSlice('\n')
				if l.long = l.long || len(l.text)+len(bytes.TrimSuffix(part, []byte("\n"))) > limit; l.long {
					l.text = nil
				} else {
					l.text = append(l.text, part...)
				}
				if errors.Is(err, bufio.ErrBufferFull) {
					continue
				}
				if number == 1 {
					l.text = bytes.TrimPrefix(l.text, []byte("\uFEFF"))
				}
				l.text = bytes.TrimSuffix(l.text, []byte("\n"))
				if err != nil && !errors.Is(err, io.EOF) {
					yield(l, err)
					return
				}
				if (err == nil || l.long || len(l.text) > 0) && !yield(l, nil) || err != nil {
					return
				}
				break
			}
		}
	}
}
