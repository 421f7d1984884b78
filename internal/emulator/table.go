package emulator

import "slices"

// table holds the objects of one kind by id, in the order in which they were put
// or touched. It is not safe for concurrent use.
//
// An object is a pointer. Who changes one puts it again, so that it is found by
// what it has become, and saved.
type table[V any] struct {
	kind string
	// max is how many there can be. Where one more comes the oldest goes.
	max int
	// keys are what else an object is found by, such as "email:ada@example.test".
	// Nil: nothing.
	keys func(V) []string
	// changed is told of every object that was put, and with false of every one
	// that is gone. Nil: nobody.
	changed func(kind, id string, there bool)

	items          map[string]*entry[V]
	oldest, newest *entry[V]
	found          map[string][]*entry[V]
	last           uint64
}

// entry is an object in its table, and what is saved of it.
type entry[V any] struct {
	// Place is greater than that of all that were put or touched before.
	Place uint64
	Value V

	id           string
	keys         []string
	older, newer *entry[V]
}

func newTable[V any](kind string, max int, keys func(V) []string) *table[V] {
	return &table[V]{kind: kind, max: max, keys: keys, items: map[string]*entry[V]{}, found: map[string][]*entry[V]{}}
}

// put adds an object, or has it found by its new keys.
func (t *table[V]) put(id string, value V) {
	if e, ok := t.items[id]; ok {
		t.forget(e)
		e.Value = value
		t.remember(e)
	} else {
		if len(t.items) >= t.max {
			t.remove(t.oldest.id)
		}
		t.last++
		t.add(&entry[V]{Place: t.last, Value: value, id: id})
	}
	t.tell(id, true)
}

func (t *table[V]) add(e *entry[V]) {
	t.items[e.id] = e
	t.link(e)
	t.remember(e)
}

// link makes an entry the newest.
func (t *table[V]) link(e *entry[V]) {
	e.older, e.newer = t.newest, nil
	if t.newest == nil {
		t.oldest = e
	} else {
		t.newest.newer = e
	}
	t.newest = e
}

// unlink takes an entry out of the order.
func (t *table[V]) unlink(e *entry[V]) {
	if e.older == nil {
		t.oldest = e.newer
	} else {
		e.older.newer = e.newer
	}
	if e.newer == nil {
		t.newest = e.older
	} else {
		e.newer.older = e.older
	}
}

func (t *table[V]) remember(e *entry[V]) {
	if t.keys == nil {
		return
	}
	e.keys = t.keys(e.Value)
	for _, key := range e.keys {
		t.found[key] = append(t.found[key], e)
	}
}

func (t *table[V]) forget(e *entry[V]) {
	for _, key := range e.keys {
		left := t.found[key]
		// The one that goes is most often the oldest, which is near the front.
		if i := slices.Index(left, e); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		if len(left) == 0 {
			delete(t.found, key)
		} else {
			t.found[key] = left
		}
	}
}

func (t *table[V]) tell(id string, there bool) {
	if t.changed != nil {
		t.changed(t.kind, id, there)
	}
}

func (t *table[V]) get(id string) (value V, ok bool) {
	e, ok := t.items[id]
	if !ok {
		return value, false
	}
	return e.Value, true
}

func (t *table[V]) has(id string) bool { _, ok := t.items[id]; return ok }

// by gives the first object that is found by a key.
func (t *table[V]) by(key string) (value V, ok bool) {
	if entries := t.found[key]; len(entries) > 0 {
		return entries[0].Value, true
	}
	return value, false
}

// allBy gives the objects that are found by a key, oldest first.
func (t *table[V]) allBy(key string) []V {
	entries := t.found[key]
	all := make([]V, len(entries))
	for i, e := range entries {
		all[i] = e.Value
	}
	return all
}

// all gives every object, oldest first.
func (t *table[V]) all() []V {
	all := make([]V, 0, len(t.items))
	for e := t.oldest; e != nil; e = e.newer {
		all = append(all, e.Value)
	}
	return all
}

func (t *table[V]) len() int   { return len(t.items) }
func (t *table[V]) full() bool { return len(t.items) >= t.max }

// touch makes an object the newest.
func (t *table[V]) touch(id string) {
	e, ok := t.items[id]
	if !ok {
		return
	}
	t.last++
	e.Place = t.last
	t.unlink(e)
	t.link(e)
	t.tell(id, true)
}

// remove reports whether there was such an object.
func (t *table[V]) remove(id string) bool {
	e, ok := t.items[id]
	if !ok {
		return false
	}
	delete(t.items, id)
	t.forget(e)
	t.unlink(e)
	t.tell(id, false)
	return true
}

// removeIf removes all that are so.
func (t *table[V]) removeIf(so func(V) bool) {
	for e := t.oldest; e != nil; {
		next := e.newer
		if so(e.Value) {
			t.remove(e.id)
		}
		e = next
	}
}

// clear removes all objects.
func (t *table[V]) clear() {
	for id := range t.items {
		t.remove(id)
	}
}

// removeBy removes all that are found by a key, and says how many.
func (t *table[V]) removeBy(key string) int {
	entries := slices.Clone(t.found[key])
	for _, e := range entries {
		t.remove(e.id)
	}
	return len(entries)
}
