package loadgen

import "time"

const ledgerLook = int64(10 * time.Millisecond) // how often the last lines are looked for

// book is a worker's part of the ledger.
type book struct {
	accounts []account // by device
	filler   []byte
	line     []byte // the newest
}

// newBook returns nil where there is no ledger.
func newBook(cfg *Config, count int) *book {
	if cfg.Ledger == "" {
		return nil
	}
	b := &book{accounts: make([]account, count), filler: make([]byte, cfg.Size)}
	fill(b.filler, false)
	return b
}

// newSession notes that the device is up: what it sends from now on is of another session.
func (b *book) newSession(d *device) {
	a := &b.accounts[d.i]
	a.session++
	a.first = a.sent
}

// sendLine sends the device's next line. One that the kernel refused was not sent, and gives its sequence back.
func (w *worker) sendLine(now int64, d *device) bool {
	a := &w.book.accounts[d.i]
	a.sent++
	d.active = true
	n := lineName{uint64(w.cfg.From + w.first + int(d.i)), a.session, a.sent}
	w.book.line = appendLine(w.book.line[:0], n, w.book.filler, w.cfg.Size)
	w.out.Ledger.Sent++
	if w.say(now, d, w.book.line) {
		return true
	}
	a.sent--
	w.out.Ledger.Sent--
	w.out.Sent--
	w.out.Unsent++
	return false
}

// reconcile enters the lines that the server has shown.
func (w *worker) reconcile(now int64) {
	list := w.inbox.take()
	for i := range list {
		v := &list[i]
		number := w.cfg.From + v.dev
		f := w.book.accounts[v.dev-w.first].take(v.line, uint64(number))
		w.out.Ledger.enter(f, v.line, number)
	}
	if w.phase == draining && w.awaitsLines() {
		w.at(now + ledgerLook)
	}
}

// awaitsLines reports whether lines that were sent have not come yet.
func (w *worker) awaitsLines() bool { return w.book != nil && w.out.Ledger.missing() > 0 }
