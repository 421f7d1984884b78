package emulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	boltErrors "go.etcd.io/bbolt/errors"
)

// stateFile keeps the store's tables in a file, a bucket each. A commit is
// synced before it returns. One commit takes along all that is waiting, so that
// many requests at once share the disk's time.
type stateFile struct {
	db *bolt.DB

	committing sync.Mutex // held over a commit
	mu         sync.Mutex // guards the rest
	waiting    map[savedKey][]byte
	asked      uint64 // the ticket of the newest change
	saved      uint64 // the ticket up to which all is on the disk
}

// savedKey is an object of a state file.
type savedKey struct{ kind, id string }

var errInUse = errors.New("another emulator uses it")

// wayOut says what is to be done about a file that cannot be used.
func wayOut(err error) string {
	switch {
	case errors.Is(err, errInUse):
		return "stop that one, or name another file"
	case errors.Is(err, fs.ErrNotExist):
		return "make its directory first"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		return "name another file"
	}
	return "move it away and a new one is made"
}

// openState opens a state file, or makes it.
func openState(name string) (*stateFile, error) {
	db, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, boltErrors.ErrTimeout):
		return nil, errInUse
	case err != nil:
		return nil, err
	}
	return &stateFile{db: db, waiting: map[savedKey][]byte{}}, nil
}

// add takes what has changed (nil: gone) and gives the ticket to commit it by.
// What was added later is what is saved, so changes are added in their order.
func (f *stateFile) add(changes map[savedKey][]byte) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(f.waiting, changes)
	f.asked++
	return f.asked
}

// commit returns once everything up to a ticket is on the disk. What could not
// be saved waits for the next commit.
func (f *stateFile) commit(ticket uint64) error {
	f.committing.Lock()
	defer f.committing.Unlock()
	f.mu.Lock()
	if f.saved >= ticket { // another request's commit had it
		f.mu.Unlock()
		return nil
	}
	changes, upTo := f.waiting, f.asked
	f.waiting = map[savedKey][]byte{}
	f.mu.Unlock()

	err := f.db.Update(func(tx *bolt.Tx) error { return write(tx, changes) })

	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		for key, value := range changes {
			if _, newer := f.waiting[key]; !newer {
				f.waiting[key] = value
			}
		}
		return err
	}
	f.saved = upTo
	return nil
}

func write(tx *bolt.Tx, changes map[savedKey][]byte) error {
	// In the order of their keys, as the pages of the file are.
	keys := slices.SortedFunc(maps.Keys(changes), func(a, b savedKey) int {
		if a.kind != b.kind {
			return cmp.Compare(a.kind, b.kind)
		}
		return cmp.Compare(a.id, b.id)
	})
	for _, key := range keys {
		bucket, err := tx.CreateBucketIfNotExists([]byte(key.kind))
		if err != nil {
			return err
		}
		if value := changes[key]; value == nil {
			err = bucket.Delete([]byte(key.id))
		} else {
			err = bucket.Put([]byte(key.id), value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls f for every object of a kind.
func (f *stateFile) each(kind string, do func(id string, value []byte) error) error {
	return f.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(kind))
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(k, v []byte) error { return do(string(k), v) })
	})
}

// close saves what could not be saved so far, and closes the file.
func (f *stateFile) close() error {
	f.mu.Lock()
	asked := f.asked
	f.mu.Unlock()
	err := f.commit(asked)
	return errors.Join(err, f.db.Close())
}

// persistent is a table as a state file sees it.
type persistent interface {
	load(f *stateFile) error
	encode(id string) ([]byte, error)
	watch(changed func(kind, id string, there bool))
	clear()
}

func (t *table[V]) watch(changed func(kind, id string, there bool)) { t.changed = changed }

func (t *table[V]) encode(id string) ([]byte, error) {
	return json.Marshal(t.items[id])
}

// load fills an empty table from a state file.
func (t *table[V]) load(f *stateFile) error {
	var all []*entry[V]
	err := f.each(t.kind, func(id string, value []byte) error {
		e := &entry[V]{id: id}
		if err := json.Unmarshal(value, e); err != nil {
			return fmt.Errorf("%s %s: %w", t.kind, id, err)
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *entry[V]) int { return cmp.Compare(a.Place, b.Place) })
	for _, e := range all {
		t.add(e)
		t.last = e.Place
	}
	return nil
}
