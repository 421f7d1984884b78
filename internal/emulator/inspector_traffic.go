package emulator

import "sync"

// maxTraffic is how many requests the inspector looks back on.
const maxTraffic = 500

// traffic remembers the newest requests. Who reads them has a place in them and
// is woken when there are more: nobody's slowness holds up a request, or takes
// memory.
type traffic struct {
	mu      sync.Mutex
	ring    []Request     // the newest maxTraffic since the last clear
	first   uint64        // the place of the first since then
	next    uint64        // the place of the next
	changes uint64        // what the inspector has changed, counted
	wake    chan struct{} // closed at the next change of all this; nil: nobody waits
	ended   bool
	readers sync.WaitGroup
	open    int // readers
}

func (t *traffic) add(r Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < maxTraffic {
		t.ring = append(t.ring, r)
	} else {
		t.ring[(t.next-t.first)%maxTraffic] = r
	}
	t.next++
	t.tell()
}

// tell wakes who waits.
func (t *traffic) tell() {
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// changed says that the inspector has changed something.
func (t *traffic) changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	t.tell()
}

// clear forgets all requests.
func (t *traffic) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring, t.first = nil, t.next
}

// oldest is the place of the oldest request that is there.
func (t *traffic) oldest() uint64 { return t.next - uint64(len(t.ring)) }

func (t *traffic) at(place uint64) *Request { return &t.ring[(place-t.first)%maxTraffic] }

// news is what a reader gets.
type news struct {
	requests []Request
	missed   bool // some before them, which are not there any more
	next     uint64
	changes  uint64
	ended    bool
	wake     <-chan struct{}
}

// since gives what there is from a place on.
func (t *traffic) since(place uint64) news {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	n := news{requests: []Request{}, missed: place < t.oldest() && t.first < t.oldest(), next: t.next, changes: t.changes, ended: t.ended, wake: t.wake}
	for i := max(place, t.oldest()); i < t.next; i++ {
		n.requests = append(n.requests, *t.at(i))
	}
	return n
}

// all gives every request that is there, oldest first.
func (t *traffic) all() []Request { return t.since(0).requests }

// after gives the place behind the request with an id. Where that is not there any
// more, it is the place before all others.
func (t *traffic) after(id string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := t.next; i > t.oldest(); i-- {
		if t.at(i-1).ID == id {
			return i
		}
	}
	return 0
}

// now is the place of the request that comes next.
func (t *traffic) now() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

// get gives the request with an id.
func (t *traffic) get(id string) (Request, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := t.oldest(); i < t.next; i++ {
		if r := t.at(i); r.ID == id {
			return *r, true
		}
	}
	return Request{}, false
}

// maxReaders is how many can listen at once.
const maxReaders = 100

// join lets a reader in, who leaves later. It reports false where there are too
// many, or the emulator is closed.
func (t *traffic) join() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.open >= maxReaders {
		return false
	}
	t.open++
	t.readers.Add(1)
	return true
}

func (t *traffic) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	t.readers.Done()
}

// end has all readers leave, and returns when they have.
func (t *traffic) end() {
	t.mu.Lock()
	t.ended = true
	t.tell()
	t.mu.Unlock()
	t.readers.Wait()
}
