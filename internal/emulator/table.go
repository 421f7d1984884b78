package emulator

import (
	"container/list"
	"slices"
)

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

	items map[string]*list.Element
	order *list.List // of *entry[V], oldest first
	found map[string][]string
	last  uint64
}

// entry is an object in its table, and what is saved of it.
type entry[V any] struct {
	// Place is greater than that of all that were put or touched before.
	Place uint64
	Value V

	id   string
	keys []string
}

func newTable[V any](kind string, max int, keys func(V) []string) *table[V] {
	return &table[V]{
		kind: kind, max: max, keys: keys,
		items: map[string]*list.Element{}, order: list.New(), found: map[string][]string{},
	}
}

// put adds an object, or has it found by its new keys.
func (t *table[V]) put(id string, value V) {
	if element, ok := t.items[id]; ok {
		e := element.Value.(*entry[V])
		t.forget(e)
		e.Value = value
		t.remember(e)
	} else {
		if len(t.items) >= t.max {
			t.remove(t.order.Front().Value.(*entry[V]).id)
		}
		t.last++
		t.add(&entry[V]{Place: t.last, Value: value, id: id})
	}
	t.tell(id, true)
}

func (t *table[V]) add(e *entry[V]) {
	t.items[e.id] = t.order.PushBack(e)
	t.remember(e)
}

func (t *table[V]) remember(e *entry[V]) {
	if t.keys == nil {
		return
	}
	e.keys = t.keys(e.Value)
	for _, key := range e.keys {
		t.found[key] = append(t.found[key], e.id)
	}
}

func (t *table[V]) forget(e *entry[V]) {
	for _, key := range e.keys {
		left := slices.DeleteFunc(t.found[key], func(id string) bool { return id == e.id })
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
	element, ok := t.items[id]
	if !ok {
		return value, false
	}
	return element.Value.(*entry[V]).Value, true
}

// by gives the first object that is found by a key.
func (t *table[V]) by(key string) (value V, ok bool) {
	if ids := t.found[key]; len(ids) > 0 {
		return t.get(ids[0])
	}
	return value, false
}

// allBy gives the objects that are found by a key, oldest first.
func (t *table[V]) allBy(key string) []V {
	ids := t.found[key]
	all := make([]V, len(ids))
	for i, id := range ids {
		all[i], _ = t.get(id)
	}
	return all
}

// all gives every object, oldest first.
func (t *table[V]) all() []V {
	all := make([]V, 0, len(t.items))
	for element := t.order.Front(); element != nil; element = element.Next() {
		all = append(all, element.Value.(*entry[V]).Value)
	}
	return all
}

func (t *table[V]) len() int   { return len(t.items) }
func (t *table[V]) full() bool { return len(t.items) >= t.max }

// touch makes an object the newest.
func (t *table[V]) touch(id string) {
	element, ok := t.items[id]
	if !ok {
		return
	}
	t.last++
	element.Value.(*entry[V]).Place = t.last
	t.order.MoveToBack(element)
	t.tell(id, true)
}

// remove reports whether there was such an object.
func (t *table[V]) remove(id string) bool {
	element, ok := t.items[id]
	if !ok {
		return false
	}
	delete(t.items, id)
	t.forget(element.Value.(*entry[V]))
	t.order.Remove(element)
	t.tell(id, false)
	return true
}

// removeBy removes all that are found by a key, and says how many.
func (t *table[V]) removeBy(key string) int {
	ids := slices.Clone(t.found[key])
	for _, id := range ids {
		t.remove(id)
	}
	return len(ids)
}
