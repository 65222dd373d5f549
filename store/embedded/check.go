package embedded

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Check reads the whole file and says what is wrong with it: its pages, its
// log, its documents, and that every index holds just what it should. It can
// run while the store is used; the file may grow meanwhile, because the pages
// that it reads are kept. The error is ErrDamaged with the first fault found.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		if err := verifyFile(ctx, tx, s.path); err != nil {
			return err
		}
		if _, _, err := readLayout(tx); err != nil {
			return err
		}
		if err := checkLog(ctx, tx.Bucket([]byte(logBucket))); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return checkBucket(ctx, tx, string(name), b)
		})
	})
}

func verifyFile(ctx context.Context, tx *bbolt.Tx, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return verify(ctx, tx, file, info.Size())
}

func faulty(format string, args ...any) error {
	return fmt.Errorf("%w ("+format+")", append([]any{ErrDamaged}, args...)...)
}

func checkLog(ctx context.Context, log *bbolt.Bucket) error {
	var last uint64
	cursor := log.Cursor()
	for key, record := cursor.First(); key != nil; key, record = cursor.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		seq := seqOf(key)
		if seq == 0 || last != 0 && seq != last+1 {
			return faulty("change %d of the log follows on %d", seq, last)
		}
		last = seq
		c, err := decode(record, "", "")
		if err != nil {
			return faulty("change %d of the log can not be read", seq)
		}
		for _, doc := range []bson.Raw{c.Before, c.After} {
			if doc != nil && doc.Validate() != nil {
				return faulty("change %d of the log holds no document", seq)
			}
		}
	}
	if last != 0 && last != log.Sequence() {
		return faulty("the log ends at change %d, not at %d", last, log.Sequence())
	}
	return nil
}

// checkBucket checks a collection's documents, or that an index or an expiry
// holds what its documents say, and no more.
func checkBucket(ctx context.Context, tx *bbolt.Tx, name string, b *bbolt.Bucket) error {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 2 {
		return nil
	}
	documents := tx.Bucket([]byte(documentsBucket(parts[0])))
	if documents == nil {
		return faulty("%s has no documents", name)
	}
	switch {
	case parts[1] == "documents":
		return eachDocument(ctx, b, checkDocument)
	case parts[1] == "index" && len(parts) == 4 && len(parts[2]) == 2:
		ix := compileIndex(parts[0], store.Index{
			Fields: strings.Split(parts[3], "\x00"),
			Unique: parts[2][0] == 'u', Fold: parts[2][1] == 'f',
		})
		return checkEntries(ctx, name, b, documents, ix.entry)
	case parts[1] == "expiry":
		_, path, _ := strings.Cut(name, "/expiry/")
		c := collection{expiry: name, expiryPath: splitPath(path)}
		return checkEntries(ctx, name, b, documents, func(doc bson.Raw, id []byte) (key, value []byte, ok bool) {
			key, ok = c.expiryEntry(doc, id)
			return key, nil, ok
		})
	default:
		return faulty("%q is not known", name)
	}
}

func checkDocument(key, doc []byte) error {
	if err := store.ValidDocument(doc); err != nil {
		return faulty("a document: %v", err)
	}
	id, err := bson.Raw(doc).LookupErr("_id")
	if err != nil || !bytes.Equal(idKey(id), key) {
		return faulty("a document is not where its _id belongs")
	}
	return nil
}

// checkEntries compares a bucket with the entries that the documents should
// have in it.
func checkEntries(ctx context.Context, name string, b, documents *bbolt.Bucket,
	entry func(doc bson.Raw, id []byte) (key, value []byte, ok bool),
) error {
	wanted := 0
	err := eachDocument(ctx, documents, func(id, doc []byte) error {
		key, value, ok := entry(doc, id)
		if !ok {
			return nil
		}
		wanted++
		found := b.Get(key)
		if found == nil || len(found) > 0 && !bytes.Equal(found, value) {
			return faulty("%q lacks a document", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eachDocument(ctx, b, func(_, _ []byte) error {
		if wanted--; wanted < 0 {
			return faulty("%q holds a document that is not there", name)
		}
		return nil
	})
}

func eachDocument(ctx context.Context, b *bbolt.Bucket, f func(key, value []byte) error) error {
	cursor := b.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}
